"""Requests signed here, verified by botocore's signer."""

import datetime
import random
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials

COUNT = 400
SEED = 20261105

REGIONS = ["eu-west-1", "us-east-1", "us-gov-west-1", "cn-north-1", "eu-isoe-west-1", "mx-central-1", "x"]
SERVICES = ["states", "sts", "execute-api", "service"]
# In lower case, as endpoints are before anything is sent to them: botocore signs another host than it is given if it is not.
HOSTS = [
    "https://states.eu-west-1.amazonaws.com/",
    "https://states.eu-west-1.amazonaws.com",
    "https://sts.cn-north-1.amazonaws.com.cn/",
    "https://states-fips.us-gov-west-1.api.aws/",
    "https://vpce-0a-1b.states.eu-west-1.vpce.amazonaws.com/",
    "https://proxy.example:8443/",
    "https://example.amazonaws.com:443/",
    "http://localhost:4566/",
    "http://localhost:80/",
    "http://127.0.0.1:1/",
    "http://[::1]:4566/",
    "https://[fd00:ec2::254]/",
    "http://local_stack:65535/",
]
TEXTS = ["", "{}", '{"taskToken":"AQ+/=="}', "Tür 🚪 \u0000 \"x\"", "a=b&c=d e", "\r\n\t ", "é" * 33, "0123456789abcdef"]
# No tabs: botocore folds them with the spaces around, the specification speaks of spaces alone, and no header of ours has any.
VALUES = ["application/x-amz-json-1.0", "a", "", "a  b   c", "  led and trailed  ", "AWSStepFunctions.GetActivityTask", "a,b;c=d", "a%20b+c"]
NAMES = ["content-type", "x-amz-target", "x-amzn-trace-id", "x-custom-header"]


def case(rng):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    text = lambda low, high: "".join(rng.choices(alphabet, k=rng.randint(low, high)))
    names = rng.sample(NAMES, rng.randint(0, len(NAMES)))
    return {
        "id": "AKIA" + text(4, 16),
        "secret": text(1, 80),
        "token": rng.choice([None, text(1, 40), text(1000, 2000)]),
        "region": rng.choice(REGIONS),
        "service": rng.choice(SERVICES),
        # From 2026 to the end of 2099, leap days and ends of years among them.
        "time": rng.choice([rng.randint(1_793_491_200, 4_102_444_799), 1_835_395_199, 1_798_761_599, 4_102_444_799]),
        "url": rng.choice(HOSTS),
        "headers": {name: rng.choice(VALUES) for name in names},
        "body": rng.choice(TEXTS),
        "times": rng.choice([1, 1, 1, 2, 100, 50_000]),
    }


def verify(peer, _home):
    rng, wrong = random.Random(SEED), []
    for number in range(COUNT):
        asked = case(rng)
        signed = peer.ask("sign", **asked)
        expected = botocore_signs(asked)
        if {name.lower(): value for name, value in signed.items()} != expected:
            shown = {name: value for name, value in asked.items() if name not in ("secret", "token")}
            wrong.append(f"signature {number}: {str(shown)[:600]}\n  ours     {signed}\n  botocore {expected}"[:3000])
    # What was changed on its way is not what was signed.
    asked = case(rng)
    if peer.ask("sign", **asked)["authorization"] == botocore_signs({**asked, "body": asked["body"] + "x"})["authorization"]:
        wrong.append("a changed body has the same signature: nothing is compared")
    return f"{COUNT} signatures", wrong


def botocore_signs(asked):
    """The headers that botocore adds to this request at that time."""
    body = (asked["body"] * asked["times"]).encode()
    request = botocore.awsrequest.AWSRequest(method="POST", url=asked["url"], headers=asked["headers"], data=body)
    credentials = botocore.credentials.Credentials(asked["id"], asked["secret"], asked["token"])
    now = datetime.datetime.fromtimestamp(asked["time"], datetime.timezone.utc)
    signer = botocore.auth.SigV4Auth(credentials, asked["service"], asked["region"])
    before = {name.lower() for name in asked["headers"]}
    with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now):
        signer.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items() if name.lower() not in before}
