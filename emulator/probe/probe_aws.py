#!/usr/bin/env python3
"""Asks a Step Functions what its documentation leaves open, and writes down what it answers.

    python probe_aws.py --role-arn arn:aws:iam::123456789012:role/any-for-states

Needs boto3 and credentials as the AWS CLI finds them. It makes one activity (a second one for a moment) and two state machines
with names of their own, starts some 20 executions, takes about 8 minutes and costs less than a cent (state transitions; none are
in the free tier of 4,000 a month otherwise). Whatever happens it deletes what it made. The role must be one that
states.amazonaws.com may assume; it needs no permissions.

The answers go to fixtures/DATE-WHERE.json: codes, messages and times; no tokens, no account numbers.

    python probe_aws.py --endpoint-url http://127.0.0.1:8083 --long-poll 1 --compare fixtures [--known known/localstack.json]

compares them with every fixture in a folder instead, and exits with 1 where status or code differ.
"""

import argparse
import datetime
import json
import pathlib
import sys
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

HERE = pathlib.Path(__file__).parent
HEARTBEAT = 2


class Probe:
    def __init__(self, options):
        self.options, self.long_poll = options, options.long_poll
        self.name = f"activity-worker-probe-{uuid.uuid4().hex[:12]}"
        self.facts, self.secrets, self.delete = {}, {}, []
        self.sfn = self.client(self.long_poll + 10)

    def client(self, read_timeout):
        # One try each: an answer is a fact. Its own checks would keep wrong requests from the service.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout, parameter_validation=False)
        options = self.options
        session = boto3.Session(profile_name=options.profile, region_name=options.region)
        keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "emulator-test-secret-access-key"}
        return session.client("stepfunctions", endpoint_url=options.endpoint_url, config=config, **(keys if options.test_keys else {}))

    # What is asked, and what is written down.

    def fact(self, name, says, call):
        """Makes a call whose answer is a fact."""
        began = time.monotonic()
        try:
            answer, code, message = call()["ResponseMetadata"], None, None
        except ClientError as error:
            answer = error.response["ResponseMetadata"]
            code, message = error.response["Error"]["Code"], self.scrub(error.response["Error"]["Message"])
        except ReadTimeoutError:
            answer, code, message = {"HTTPStatusCode": None}, "no answer", None
        self.note(name, says, status=answer["HTTPStatusCode"], code=code, message=message, seconds=round(time.monotonic() - began, 1))

    def note(self, name, says, **found):
        self.facts[name] = {"says": says, **found}
        print(f"{name}: {found}", flush=True)

    def scrub(self, text):
        for secret, word in sorted(self.secrets.items(), key=lambda item: -len(item[0])):
            text = text.replace(secret, word)
        return text[:300]

    # What there is.

    def setup(self):
        self.activity = self.make_activity(self.name)
        account = self.activity.split(":")[4]
        self.secrets.update({self.name: "NAME", account: "ACCOUNT"})
        role = self.options.role_arn or f"arn:aws:iam::{account}:role/any"
        self.role = role
        self.beating = self.make_machine("beating", HeartbeatSeconds=HEARTBEAT)
        self.patient = self.make_machine("patient", TimeoutSeconds=600)

    def make_activity(self, name):
        arn = self.sfn.create_activity(name=name)["activityArn"]
        self.delete.append(lambda: self.sfn.delete_activity(activityArn=arn))
        return arn

    def make_machine(self, name, activity=None, **task):
        work = {"Type": "Task", "Resource": activity or self.activity, "End": True, **task}
        definition = json.dumps({"StartAt": "Work", "States": {"Work": work}})
        arn = self.sfn.create_state_machine(name=f"{self.name}-{name}", definition=definition, roleArn=self.role)["stateMachineArn"]
        self.delete.append(lambda: self.sfn.delete_state_machine(stateMachineArn=arn))
        return arn

    def clean_up(self):
        while self.delete:
            try:
                self.delete.pop()()
            except Exception as error:  # the rest must go all the same
                print(f"NOT DELETED: {error}", file=sys.stderr)

    def start(self, machine):
        execution = self.sfn.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        self.delete.append(lambda: self.stop(execution))
        return execution

    def stop(self, execution):
        if self.status(execution) == "RUNNING":
            self.sfn.stop_execution(executionArn=execution)

    def status(self, execution):
        return self.sfn.describe_execution(executionArn=execution)["status"]

    def take(self, machine, activity=None):
        """A running task: its execution and its token."""
        execution = self.start(machine)
        for _ in range(3):
            token = self.sfn.get_activity_task(activityArn=activity or self.activity, workerName="probe").get("taskToken")
            if token:
                self.secrets[token] = "TOKEN"
                return execution, token
        raise SystemExit(f"no task within three polls of {self.long_poll} s")

    def ends(self, execution, seconds=60):
        deadline = time.monotonic() + seconds
        while self.status(execution) == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.2)

    def success(self, token, output="{}"):
        return self.sfn.send_task_success(taskToken=token, output=output)

    # The facts.

    def tokens(self):
        self.fact("garbage_token", "a report with a token that never was", lambda: self.success("AAAAKgAAAAIAAAAAAAAAAQ=="))
        self.fact("garbage_token_beat", "a beat with a token that never was", lambda: self.sfn.send_task_heartbeat(taskToken="garbage"))
        self.fact("empty_token", "a report with an empty token", lambda: self.success(""))
        self.fact("long_token", "a report with a token of 2,049 characters", lambda: self.success("t" * 2049))
        _, token = self.take(self.patient)
        half = len(token) // 2
        altered = token[:half] + ("A" if token[half] != "A" else "B") + token[half + 1 :]
        self.secrets[altered] = "TOKEN"
        self.fact("altered_token", "a report with one character of a token changed", lambda: self.success(altered))
        self.success(token)
        if self.options.foreign_token:
            foreign = pathlib.Path(self.options.foreign_token).read_text().strip()
            self.secrets[foreign] = "TOKEN"
            self.fact("foreign_token", "a report with a token of another account", lambda: self.success(foreign))

    def after_the_end(self):
        execution, token = self.take(self.beating)
        self.fact("beat", "a beat of a running task", lambda: self.sfn.send_task_heartbeat(taskToken=token))
        self.fact("report", "a report of a running task", lambda: self.success(token))
        self.ends(execution)
        self.fact("duplicate_report", "the same report again", lambda: self.success(token))
        self.fact("second_report", "another result after it", lambda: self.sfn.send_task_failure(taskToken=token, error="E"))
        self.fact("beat_after_report", "a beat after it", lambda: self.sfn.send_task_heartbeat(taskToken=token))
        execution, token = self.take(self.beating)
        self.ends(execution)
        self.note("missed_heartbeat", "a task without beats", ends=self.status(execution))
        self.fact("late_report", "a report after the heartbeat was missed", lambda: self.success(token))
        self.fact("late_failure", "a failure after the heartbeat was missed", lambda: self.sfn.send_task_failure(taskToken=token, error="E"))
        self.fact("late_beat", "a beat after the heartbeat was missed", lambda: self.sfn.send_task_heartbeat(taskToken=token))
        execution, token = self.take(self.patient)
        self.sfn.stop_execution(executionArn=execution)
        self.ends(execution, 10)
        self.fact("report_after_stop", "a report after StopExecution", lambda: self.success(token))

    def limits(self):
        def of_a_task(name, says, call):
            _, token = self.take(self.patient)  # a new one for each: some services take what they should refuse
            self.fact(name, says, lambda: call(token))
            return token

        def failure(error, cause):
            return lambda token: self.sfn.send_task_failure(taskToken=token, error=error, cause=cause)

        of_a_task("beat_without_heartbeat_seconds", "a beat of a task without HeartbeatSeconds", lambda token: self.sfn.send_task_heartbeat(taskToken=token))
        of_a_task("long_error", "an error name of 257 characters", failure("e" * 257, "c"))
        of_a_task("long_cause", "a cause of 32,769 characters", failure("E", "c" * 32769))
        of_a_task("long_output", "an output of 262,145 bytes", lambda token: self.success(token, '"' + "x" * 262143 + '"'))
        token = of_a_task("invalid_output", "an output that is no JSON", lambda token: self.success(token, "{nope"))
        self.fact("report_after_refusal", "a right output after that", lambda: self.success(token))

    def deleted_activity(self):
        name = f"{self.name}-gone"
        gone = self.make_activity(name)
        machine = self.make_machine("gone", activity=gone, TimeoutSeconds=600)
        _, token = self.take(machine, gone)
        self.start(machine)  # so that a poll that should be refused, and is not, ends soon
        self.fact("empty_worker_name", "a poll with an empty worker name", lambda: self.sfn.get_activity_task(activityArn=gone, workerName=""))
        self.sfn.delete_activity(activityArn=gone)
        self.fact("poll_of_deleted_activity", "a poll of a deleted activity", lambda: self.sfn.get_activity_task(activityArn=gone))
        self.fact("beat_of_deleted_activity", "a beat of a task whose activity is deleted", lambda: self.sfn.send_task_heartbeat(taskToken=token))
        self.fact("report_of_deleted_activity", "a report of a task whose activity is deleted", lambda: self.success(token))

    def dropped_polls(self):
        """Drops a poll, waits, starts an execution: was its task given to the poll that nobody reads any more?"""
        for part in (0, 1 / 3, 2 / 3, 11 / 12, 7 / 6):
            impatient = self.client(max(0.2, self.long_poll / 30))
            try:
                impatient.get_activity_task(activityArn=self.activity, workerName="dropped")
            except ReadTimeoutError:
                pass
            impatient.close()
            time.sleep(part * self.long_poll)
            execution = self.start(self.patient)
            time.sleep(3)
            events = self.sfn.get_execution_history(executionArn=execution, maxResults=20)["events"]
            swallowed = any(event["type"] == "ActivityStarted" for event in events)
            self.note(f"dropped_poll_{part:.2f}", f"a task that came {part:.2f} of a long poll's time after a poll was dropped", swallowed=swallowed)
            self.stop(execution)

    def empty_poll(self):
        self.fact("empty_poll", "a poll when there is nothing", lambda: self.sfn.get_activity_task(activityArn=self.activity))

    def run(self):
        try:
            self.setup()
            self.tokens()
            self.after_the_end()
            self.limits()
            self.deleted_activity()
            if not self.options.quick:
                self.empty_poll()
                self.dropped_polls()
        finally:
            self.clean_up()
        return self.facts


def differences(facts, fixtures, known, compared):
    """Where an answer is otherwise than a fixture says or, if that is known to differ, than it is known to be."""
    for file in sorted(fixtures.glob("*.json")):
        fixture = json.loads(file.read_text())
        for name, said in fixture["facts"].items():
            if name not in facts or "status" not in said:
                continue
            found = {key: facts[name][key] for key in ("status", "code")}
            expected = known.get(name, {key: said[key] for key in ("status", "code")})
            compared.add(name)
            if found != expected:
                yield f"{name} ({said['says']}): {found}, but {'it is known as' if name in known else file.name + ' says'} {expected}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region")
    parser.add_argument("--profile")
    parser.add_argument("--role-arn", help="a role that states.amazonaws.com may assume; AWS wants one")
    parser.add_argument("--endpoint-url", help="ask this one instead of AWS")
    parser.add_argument("--where", help="the word for the fixture's name: aws-eu-west-1, say")
    parser.add_argument("--long-poll", type=float, default=60, help="seconds for which a poll is held [60]")
    parser.add_argument("--foreign-token", help="a file with a token of another account")
    parser.add_argument("--quick", action="store_true", help="leave out what waits for whole polls")
    parser.add_argument("--test-keys", action="store_true", help="the emulator's keys")
    parser.add_argument("--compare", type=pathlib.Path, help="write nothing, compare with the fixtures of this folder")
    parser.add_argument("--known", type=pathlib.Path, help="differences that are known, by fact")
    options = parser.parse_args()
    if not (options.endpoint_url or options.role_arn):
        parser.error("AWS wants a --role-arn for a state machine")
    probe = Probe(options)
    facts = probe.run()
    if options.compare:
        known = json.loads(options.known.read_text()) if options.known else {}
        compared = set()
        found = list(differences(facts, options.compare, known, compared))
        print("\n".join(found) or f"{len(compared)} facts as in {options.compare}, of them {len(known)} known to differ", flush=True)
        sys.exit(bool(found) or len(compared) < 10)
    today = datetime.date.today().isoformat()
    where = options.where or (f"aws-{probe.sfn.meta.region_name}" if not options.endpoint_url else "own-endpoint")
    file = HERE / "fixtures" / f"{today}-{where}.json"
    about = {"source": "measured", "where": where, "date": today, "long_poll_seconds": options.long_poll, "facts": facts}
    file.write_text(json.dumps(about, indent=2) + "\n")
    print(f"written: {file}")


if __name__ == "__main__":
    main()
