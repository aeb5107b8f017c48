#!/usr/bin/env python3
"""Drives the emulator through boto3, an SDK that shares no code with it.

    python boto3_peer.py PATH_OF_ACTIVITY_EMULATOR

Prints one line per check, ends with "N passed, M failed", and exits non-zero if any failed.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

REGION, ACCOUNT = "eu-west-1", "123456789012"
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "emulator-test-secret-access-key"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} {name}" + ("" if ok else f": {detail}"))


def check_error(name, code, words, call):
    try:
        got = call()
    except ClientError as error:
        got = error.response["Error"]
        check(name, got["Code"] == code and words in got["Message"], got)
    else:
        check(name, False, f"no error but {got}")


def client(url, **overrides):
    config = Config(retries={"total_max_attempts": 1}, read_timeout=10)
    options = {"endpoint_url": url, "region_name": REGION, "config": config, **KEYS, **overrides}
    return boto3.client("stepfunctions", **options)


def admin(url, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + "/_emulator" + path, data=data, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def unsigned(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    headers = {"X-Amz-Target": "AWSStepFunctions.ListActivities", "Content-Type": "application/x-amz-json-1.0"}
    connection.request("POST", "/", "{}", headers)
    return connection.getresponse()


def machine(sfn, name, activity, **task):
    work = {"Type": "Task", "Resource": activity, "End": True, **task}
    states = {"Work": work}
    if "Catch" in task:
        states["Sorry"] = {"Type": "Pass", "End": True}
    definition = json.dumps({"StartAt": "Work", "States": states})
    return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]


def start(sfn, arn, **data):
    return sfn.start_execution(stateMachineArn=arn, input=json.dumps(data))["executionArn"]


def wait_status(sfn, execution, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        described = sfn.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    return described


def activities(sfn):
    arn = sfn.create_activity(name="pump")["activityArn"]
    check("CreateActivity gives the ARN", arn == f"arn:aws:states:{REGION}:{ACCOUNT}:activity:pump", arn)
    check("CreateActivity twice is one activity", sfn.create_activity(name="pump")["activityArn"] == arn)
    described = sfn.describe_activity(activityArn=arn)
    check("DescribeActivity", described["name"] == "pump" and described["creationDate"].year > 2000, described)
    for i in range(4):
        sfn.create_activity(name=f"spare-{i}")
    names = [a["name"] for page in sfn.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2}) for a in page["activities"]]
    check("ListActivities in pages", names == ["pump"] + [f"spare-{i}" for i in range(4)], names)
    gone = sfn.create_activity(name="gone")["activityArn"]
    sfn.delete_activity(activityArn=gone)
    sfn.delete_activity(activityArn=gone)
    check_error("DeleteActivity, then describe", "ActivityDoesNotExist", f"Activity Does Not Exist: '{gone}'", lambda: sfn.describe_activity(activityArn=gone))
    check_error("poll of a deleted activity", "ActivityDoesNotExist", gone, lambda: sfn.get_activity_task(activityArn=gone))
    check_error("a name with a blank", "InvalidName", "Invalid Name: 'a b'", lambda: sfn.create_activity(name="a b"))
    check_error("a name of 81 characters", "ValidationException", "less than or equal to 80", lambda: sfn.create_activity(name="a" * 81))
    check_error("no ARN", "InvalidArn", "Invalid Arn", lambda: sfn.get_activity_task(activityArn="pump"))
    check_error("the ARN of a state machine", "InvalidArn", "Resource type not valid", lambda: sfn.get_activity_task(activityArn=arn.replace("activity", "stateMachine")))
    check_error("a foreign page token", "InvalidToken", "Invalid Token", lambda: sfn.list_activities(nextToken="x"))
    return arn


def tasks(sfn, arn):
    began = time.monotonic()
    empty = sfn.get_activity_task(activityArn=arn)
    check("an empty poll ends after the long poll's time", "taskToken" not in empty and 0.9 < time.monotonic() - began < 3, empty)

    simple = machine(sfn, "simple", arn, HeartbeatSeconds=30)
    execution = start(sfn, simple, litres=3)
    task = sfn.get_activity_task(activityArn=arn, workerName="device-1")
    token = task["taskToken"]
    check("GetActivityTask gives token and input", json.loads(task["input"]) == {"litres": 3} and 100 < len(token) <= 2048)
    check("SendTaskHeartbeat", sfn.send_task_heartbeat(taskToken=token)["ResponseMetadata"]["HTTPStatusCode"] == 200)
    check_error("an output that is no JSON", "InvalidOutput", "Invalid Output", lambda: sfn.send_task_success(taskToken=token, output="{nope"))
    check_error("an output over the limit", "ValidationException", "262144", lambda: sfn.send_task_success(taskToken=token, output='"' + "x" * 262144 + '"'))
    sfn.send_task_success(taskToken=token, output='{"done": true}')
    gone = "Task Timed Out: 'Provided task does not exist anymore'"
    check_error("a duplicate report", "TaskTimedOut", gone, lambda: sfn.send_task_success(taskToken=token, output="{}"))
    check_error("a failure after it", "TaskTimedOut", gone, lambda: sfn.send_task_failure(taskToken=token, error="E"))
    check_error("a heartbeat after it", "TaskTimedOut", gone, lambda: sfn.send_task_heartbeat(taskToken=token))
    check_error("a token that never was", "InvalidToken", "Invalid Token: 'Invalid token'", lambda: sfn.send_task_success(taskToken="never", output="{}"))
    check_error("a token over the limit", "ValidationException", "2048", lambda: sfn.send_task_heartbeat(taskToken="t" * 2049))
    done = wait_status(sfn, execution)
    check("the execution succeeded with the output", done["status"] == "SUCCEEDED" and json.loads(done["output"]) == {"done": True}, done)
    events = sfn.get_execution_history(executionArn=execution)["events"]
    expected = "ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded"
    check("the history in the service's words", [e["type"] for e in events] == expected.split(), [e["type"] for e in events])
    check("the worker's name in it", events[3]["activityStartedEventDetails"]["workerName"] == "device-1", events[3])
    check("the heartbeat in it", events[2]["activityScheduledEventDetails"]["heartbeatInSeconds"] == 30, events[2])
    newest = sfn.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=2)
    check("the history in reverse, in pages", [e["id"] for e in newest["events"]] == [7, 6] and "nextToken" in newest, newest)

    caught = machine(sfn, "caught", arn, Catch=[{"ErrorEquals": ["Worker.Broken"], "Next": "Sorry", "ResultPath": "$.why"}])
    execution = start(sfn, caught, a=1)
    token = sfn.get_activity_task(activityArn=arn)["taskToken"]
    sfn.send_task_failure(taskToken=token, error="Worker.Broken", cause="no water")
    done = wait_status(sfn, execution)
    expected = {"a": 1, "why": {"Error": "Worker.Broken", "Cause": "no water"}}
    check("Catch receives error and cause", done["status"] == "SUCCEEDED" and json.loads(done["output"]) == expected, done)

    retried = machine(sfn, "retried", arn, HeartbeatSeconds=1, TimeoutSeconds=30, Retry=[{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}])
    execution = start(sfn, retried)
    first = sfn.get_activity_task(activityArn=arn)["taskToken"]
    second = poll_until(sfn, arn)
    check("a missed heartbeat is retried with a new token", second not in ("", first))
    check_error("the late report of the first try", "TaskTimedOut", gone, lambda: sfn.send_task_success(taskToken=first, output="1"))
    sfn.send_task_success(taskToken=second, output="2")
    done = wait_status(sfn, execution)
    check("the second try counts", done["output"] == "2", done)


def pushed(url, sfn):
    resource = "arn:aws:states:::sns:publish.waitForTaskToken"
    body = {"token.$": "$$.Task.Token", "from.$": "$$.Execution.Id", "litres.$": "$.litres"}
    asking = machine(sfn, "asking", resource, Parameters={"Message": body}, HeartbeatSeconds=60, ResultSelector={"said.$": "$.answer"})
    execution = start(sfn, asking, litres=3)
    push = admin(url, "GET", "/pushes/0")
    token = push["payload"]["Message"].pop("token")
    check("a push holds the filled Parameters", push["payload"] == {"Message": {"from": execution, "litres": 3}}, push["payload"])
    check("a push names its execution and resource", (push["executionArn"], push["resource"], push["token"]) == (execution, resource, token))
    sfn.send_task_heartbeat(taskToken=token)
    sfn.send_task_success(taskToken=token, output='{"answer": "yes"}')
    check_error("a duplicate report of a pushed task", "TaskTimedOut", "anymore", lambda: sfn.send_task_failure(taskToken=token))
    done = wait_status(sfn, execution)
    check("ResultSelector shapes its result", done["status"] == "SUCCEEDED" and json.loads(done["output"]) == {"said": "yes"}, done)
    events = sfn.get_execution_history(executionArn=execution)["events"]
    expected = "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded"
    check("the history of a pushed task", [e["type"] for e in events] == expected.split(), [e["type"] for e in events])
    required = {"TaskScheduled": {"resourceType", "resource", "region", "parameters"}}
    for event in events[2:6]:
        kind = event["type"]
        details = event[f"{kind[0].lower()}{kind[1:]}EventDetails"]
        named = (details["resourceType"], details["resource"]) == ("sns", "publish.waitForTaskToken")
        check(f"{kind} names the resource", named and required.get(kind, set()) <= details.keys(), sorted(details))
    check("all pushes so far", [p["token"] == token for p in admin(url, "GET", "/pushes")] == [True])
    lost = machine(sfn, "lost", resource, Parameters={"i.$": "$$.Map.Item.Index"})
    done = wait_status(sfn, start(sfn, lost))
    check("a place that the context object does not have", done["error"] == "States.Runtime" and "'$$.Map.Item.Index'" in done["cause"], done)


def whole_language(url, sfn):
    check("ValidateStateMachineDefinition, a good one", sfn.validate_state_machine_definition(definition='{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}') ["result"] == "OK")
    bad = sfn.validate_state_machine_definition(definition='{"StartAt":"a","States":{"a":{"Type":"Pass","Next":"c"},"b":{"Type":"Succeed"}}}')
    check("and a bad one, with all that is wrong", bad["result"] == "FAIL" and [(d["code"], d["location"]) for d in bad["diagnostics"]] == [("MISSING_TRANSITION_TARGET", "/States/a/Next"), ("MISSING_TRANSITION_TARGET", "/States/b")], bad)
    quick = json.dumps({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"Type": "Pass", "Output": "{% $states.input.n * 6 %}", "End": True}}})
    express = sfn.create_state_machine(name="quick", definition=quick, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    check("DescribeStateMachine tells the type", sfn.describe_state_machine(stateMachineArn=express)["type"] == "EXPRESS")
    sync = client(url, config=Config(retries={"total_max_attempts": 1}, read_timeout=10, inject_host_prefix=False))
    answer = sync.start_sync_execution(stateMachineArn=express, input='{"n": 7}')
    check("StartSyncExecution", answer["status"] == "SUCCEEDED" and answer["output"] == "42", answer)
    standard = sfn.create_state_machine(name="slow", definition=quick, roleArn=ROLE)["stateMachineArn"]
    check_error("StartSyncExecution of a standard one", "StateMachineTypeNotSupported", "not supported by this type", lambda: sync.start_sync_execution(stateMachineArn=standard))
    nested = machine(sfn, "outer", "arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": standard, "Input": {"n": 3}})
    done = wait_status(sfn, start(sfn, nested))
    check("an execution within an execution", done["status"] == "SUCCEEDED" and json.loads(done["output"])["Output"] == 18, done)


def poll_until(sfn, arn, polls=8):
    for _ in range(polls):
        token = sfn.get_activity_task(activityArn=arn).get("taskToken")
        if token:
            return token
    return ""


def executions(sfn, arn):
    simple = sfn.list_state_machines()["stateMachines"][-1]["stateMachineArn"]
    described = sfn.describe_state_machine(stateMachineArn=simple)
    check("DescribeStateMachine", described["roleArn"] == ROLE and json.loads(described["definition"])["StartAt"] == "Work", described)
    check("the same state machine again", sfn.create_state_machine(name=described["name"], definition=described["definition"], roleArn=ROLE)["stateMachineArn"] == simple)
    check_error("another one of that name", "StateMachineAlreadyExists", simple, lambda: machine(sfn, described["name"], arn, TimeoutSeconds=7))
    unknown = json.dumps({"StartAt": "C", "States": {"C": {"Type": "Loop"}}})
    check_error("an unknown state type", "InvalidDefinition", "/States/C/Type", lambda: sfn.create_state_machine(name="c", definition=unknown, roleArn=ROLE))
    check_error("an unknown field", "InvalidDefinition", "Field 'Bogus' is not supported at /States/Work", lambda: machine(sfn, "b", arn, Bogus=1))
    check_error("an activity in an EXPRESS state machine", "InvalidDefinition", "Express state machine does not support Activity ARN at /States/Work/Resource", lambda: sfn.create_state_machine(name="e", definition=described["definition"], roleArn=ROLE, type="EXPRESS"))

    first = sfn.start_execution(stateMachineArn=simple, name="once", input='{"n": 1}')
    again = sfn.start_execution(stateMachineArn=simple, name="once", input='{"n": 1}')
    check("StartExecution twice is one execution", first["executionArn"] == again["executionArn"] and first["startDate"] == again["startDate"])
    check_error("the same name, another input", "ExecutionAlreadyExists", first["executionArn"], lambda: sfn.start_execution(stateMachineArn=simple, name="once", input="{}"))
    check_error("an input that is no JSON", "InvalidExecutionInput", "Invalid State Machine Execution Input", lambda: sfn.start_execution(stateMachineArn=simple, input="{nope"))
    check_error("an execution of nothing", "StateMachineDoesNotExist", "State Machine Does Not Exist", lambda: sfn.start_execution(stateMachineArn=simple + "x"))
    check_error("no such execution", "ExecutionDoesNotExist", "Execution Does Not Exist", lambda: sfn.describe_execution(executionArn=first["executionArn"] + "x"))
    token = poll_until(sfn, arn)
    stopped = sfn.stop_execution(executionArn=first["executionArn"], error="Stop", cause="enough")
    done = sfn.describe_execution(executionArn=first["executionArn"])
    check("StopExecution", done["status"] == "ABORTED" and done["error"] == "Stop" and done["stopDate"] == stopped["stopDate"], done)
    check_error("a report to a stopped execution", "TaskTimedOut", "anymore", lambda: sfn.send_task_success(taskToken=token, output="1"))
    check_error("the name of an execution that ended", "ExecutionAlreadyExists", "once", lambda: sfn.start_execution(stateMachineArn=simple, name="once", input='{"n": 1}'))
    aborted = sfn.list_executions(stateMachineArn=simple, statusFilter="ABORTED")["executions"]
    check("ListExecutions by status", [e["name"] for e in aborted] == ["once"], aborted)
    sfn.delete_state_machine(stateMachineArn=simple)
    check_error("DeleteStateMachine, then list", "StateMachineDoesNotExist", simple, lambda: sfn.list_executions(stateMachineArn=simple))


def signatures(url, sfn):
    check_error("an unknown access key", "UnrecognizedClientException", "security token", lambda: client(url, aws_access_key_id="AKIDOTHER").list_activities())
    check_error("a wrong secret key", "InvalidSignatureException", "does not match", lambda: client(url, aws_secret_access_key="wrong").list_activities())
    check_error("a session token that is not ours", "UnrecognizedClientException", "security token", lambda: client(url, aws_session_token="t").list_activities())
    check_error("another region", "InvalidSignatureException", "region", lambda: client(url, region_name="us-east-1").list_activities())
    answer = unsigned(url)
    check("no signature", answer.status == 400 and b"#MissingAuthenticationTokenException" in answer.read(), answer.status)
    admin(url, "POST", "/clock", {"offsetSeconds": 400})
    check_error("a clock that is behind", "InvalidSignatureException", "Signature expired", lambda: sfn.list_activities())
    admin(url, "POST", "/clock", {"offsetSeconds": -400})
    check_error("a clock that is ahead", "InvalidSignatureException", "Signature not yet current", lambda: sfn.list_activities())
    admin(url, "POST", "/clock", {"offsetSeconds": 200})
    check("a clock within five minutes", "activities" in sfn.list_activities())
    admin(url, "POST", "/clock", {"offsetSeconds": 0})


def faults(url, sfn):
    def fault(**fault):
        admin(url, "POST", "/faults", {"operation": "ListActivities", "times": 1, **fault})

    def raises(name, kind, call=lambda: sfn.list_activities()):
        try:
            call()
        except kind:
            check(name, True)
        except Exception as other:  # noqa: BLE001: whatever else came is what the report must show
            check(name, False, repr(other))
        else:
            check(name, False, "no error")

    for name, code in [("throttle", "ThrottlingException"), ("expired-token", "ExpiredTokenException"), ("access-denied", "AccessDeniedException")]:
        fault(fault=name)
        check_error(f"fault {name}", code, "", lambda: sfn.list_activities())
    fault(fault="error", status=503, code="ServiceUnavailable", message="later")
    check_error("fault error 503", "ServiceUnavailable", "later", lambda: sfn.list_activities())
    fault(fault="close")
    raises("fault close", ConnectionClosedError)
    fault(fault="date-offset", seconds=-86400)
    date = sfn.list_activities()["ResponseMetadata"]["HTTPHeaders"]["date"]
    check("fault date-offset", abs(time.time() - 86400 - time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) + time.timezone) < 5, date)
    fault(fault="delay", milliseconds=300)
    began = time.monotonic()
    sfn.list_activities()
    check("fault delay", time.monotonic() - began > 0.29)
    fault(fault="half-open")
    quick = client(url, config=Config(retries={"total_max_attempts": 1}, read_timeout=1))
    raises("fault half-open", ReadTimeoutError, lambda: quick.list_activities())
    fault(fault="truncated")
    raises("fault truncated", http.client.IncompleteRead, lambda: unsigned(url).read())  # botocore would not notice
    before = admin(url, "GET", "/state")["faults"]
    check("each fault happened once", before == [], before)
    admin(url, "POST", "/faults", {"fault": "refuse", "seconds": 1})
    time.sleep(0.1)
    raises("fault refuse", EndpointConnectionError)
    time.sleep(1.2)
    check("the port comes back", "activities" in sfn.list_activities())


def swallowed(url, sfn):
    arn = sfn.create_activity(name="swallow")["activityArn"]
    simple = machine(sfn, "swallow", arn)
    quick = client(url, config=Config(retries={"total_max_attempts": 1}, read_timeout=0.3))
    try:
        quick.get_activity_task(activityArn=arn)
    except ReadTimeoutError:
        pass
    execution = start(sfn, simple)
    events = [e["type"] for e in sfn.get_execution_history(executionArn=execution)["events"]]
    check("a dropped poll swallows a task", events[-1] == "ActivityStarted", events)
    check("and no one else gets it", "taskToken" not in sfn.get_activity_task(activityArn=arn))


def together(sfn):
    arn = sfn.create_activity(name="many")["activityArn"]
    simple = machine(sfn, "many", arn)
    tokens = []

    def poll():
        tokens.append(sfn.get_activity_task(activityArn=arn).get("taskToken"))

    pollers = [threading.Thread(target=poll) for _ in range(5)]
    for poller in pollers:
        poller.start()
    for n in range(5):
        start(sfn, simple, n=n)
    for poller in pollers:
        poller.join()
    check("five polls get five tokens", len(set(tokens)) == 5 and None not in tokens, len(set(tokens)))


def main(program):
    command = [program, "--listen", "127.0.0.1:0", "--long-poll", "1s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as emulator:
        try:
            url = emulator.stdout.readline().strip()
            sfn = client(url)
            arn = activities(sfn)
            tasks(sfn, arn)
            pushed(url, sfn)
            executions(sfn, arn)
            whole_language(url, sfn)
            signatures(url, sfn)
            faults(url, sfn)
            swallowed(url, sfn)
            together(sfn)
        finally:
            emulator.kill()
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
