"""A worker on boto3: so many threads that poll, each task handled by a program or within the process, and reported.

Nothing is kept, no heartbeats go out. ACTIVITY_ARN, CONCURRENCY, HANDLER (a program, or nothing), and what boto3 reads.
"""

import os
import subprocess
import threading
import time

import boto3
from botocore.config import Config


def work(client, arn, handler):
    while True:
        try:
            task = client.get_activity_task(activityArn=arn, workerName="peer")
            if not task.get("taskToken"):
                continue
            report(client, task, handler)
        except Exception:  # whatever it was: a second later again
            time.sleep(1)


def report(client, task, handler):
    token, output = task["taskToken"], task["input"]
    if handler:
        ended = subprocess.run([handler], input=output.encode(), stdout=subprocess.PIPE, check=False)
        output = ended.stdout.decode()
        if ended.returncode != 0:
            client.send_task_failure(taskToken=token)
            return
    client.send_task_success(taskToken=token, output=output)


def main():
    concurrency = int(os.environ["CONCURRENCY"])
    # The service holds a poll for 60 s.
    client = boto3.client("stepfunctions", config=Config(max_pool_connections=2 * concurrency, read_timeout=65))
    arguments = (client, os.environ["ACTIVITY_ARN"], os.environ.get("HANDLER", ""))
    threads = [threading.Thread(target=work, args=arguments) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
