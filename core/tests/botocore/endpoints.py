"""Hosts, by the rules of every service that is asked, and which endpoint the settings lead to."""

import itertools
import os
from unittest import mock

import botocore.exceptions
import botocore.session
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider

from differences import HOSTS, SETTINGS
from files import judge, place

# Reads each of botocore's files once.
LOADER = botocore.session.get_session().get_component("data_loader")

# Our name for the host, botocore's for the service. Cognito is asked at its plain host only.
SERVICES = [("states", "stepfunctions"), ("sts", "sts"), ("portal.sso", "sso"), ("cognito-identity", "cognito-identity")]
# Regions that nobody has heard of yet, of each partition.
FUTURE = ["eu-north-9", "us-east-9", "cn-west-9", "us-gov-south-1", "us-iso-north-1", "us-isob-north-1", "eu-isoe-east-1", "us-isof-north-1", "eusc-de-west-9"]


def hosts(peer, _home):
    partitions = LOADER.load_data("partitions")
    regions = [region for partition in partitions["partitions"] for region in partition["regions"] if "global" not in region]
    wrong, seen, count = [], set(), 0
    for (host, service), region in itertools.product(SERVICES, regions + FUTURE):
        rules = EndpointProvider(LOADER.load_service_model(service, "endpoint-rule-set-1"), partitions)
        for fips, dualstack in itertools.product([False, True], repeat=2):
            if host == "cognito-identity" and (fips or dualstack):
                continue
            more = {"UseGlobalEndpoint": False} if service == "sts" else {}
            try:
                theirs = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dualstack, **more).url
            except botocore.exceptions.BotoCoreError as error:
                theirs = f"error: {error}"
            ours = peer.ask("host", service=host, region=region, fips=fips, dualstack=dualstack)["url"]
            name = f"{host} in {region}{' FIPS' * fips}{' dual-stack' * dualstack}"
            wrong += judge("host", name, ours, theirs, HOSTS, seen)
            count += 1
    wrong += [f"the difference {name!r} is no more" for name in HOSTS.keys() - seen]
    return f"{count} hosts in {len(regions)} regions", wrong


CONFIG = """\
[default]
region = eu-west-1
[profile url]
region = eu-west-1
endpoint_url = http://profile:1
[profile services]
region = eu-west-1
services = s
endpoint_url = http://profile:2
[profile sts-only]
region = eu-west-1
services = t
endpoint_url = http://profile:3
[profile lost]
region = eu-west-1
services = nowhere
[profile flags]
region = us-gov-west-1
use_fips_endpoint = true
use_dualstack_endpoint = TRUE
[profile ignore]
region = eu-west-1
endpoint_url = http://profile:4
ignore_configured_endpoint_urls = true
[profile odd-flag]
region = eu-west-1
use_fips_endpoint = yes
[profile fips-url]
region = eu-west-1
use_fips_endpoint = true
endpoint_url = http://profile:5
[profile china]
region = cn-north-1
[services s]
sfn =
  endpoint_url = http://service:1
[services t]
sts =
  endpoint_url = http://service:2
"""
PROFILES = ["default", "url", "services", "sts-only", "lost", "flags", "ignore", "odd-flag", "fips-url", "china"]
VARIABLES = [
    {},
    {"AWS_ENDPOINT_URL": "http://env:1"},
    {"AWS_ENDPOINT_URL_SFN": "http://env:2"},
    {"AWS_ENDPOINT_URL": "http://env:1", "AWS_ENDPOINT_URL_SFN": "http://env:2"},
    {"AWS_ENDPOINT_URL_STS": "http://env:3"},
    {"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_SFN": ""},
    {"AWS_ENDPOINT_URL": "http://env:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    {"AWS_USE_FIPS_ENDPOINT": "True", "AWS_USE_DUALSTACK_ENDPOINT": "True"},
    {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "http://env:1"},
    {"AWS_DEFAULT_REGION": "ap-south-1"},
    {"AWS_ENDPOINT_URL": "https://h.example:443/"},
]


def settings(peer, home):
    wrong, seen, count = [], {}, 0
    for profile, variables in itertools.product(PROFILES, VARIABLES):
        env = {**place(home, CONFIG, ""), **variables, "HOME": str(home)}
        answer = peer.ask("settings", env=env, profile=profile)
        url = answer.get("url", answer)
        theirs = botocore_endpoint(env, profile)
        ours = url if isinstance(url, str) else "error"
        known = next((words for words in SETTINGS if ours == "error" and words in url["error"]), None)
        count += 1
        if known and theirs != "error":
            seen[known] = seen.get(known, 0) + 1
            continue
        name = " ".join([profile, *(f"{name}={value}" for name, value in variables.items())])
        # The port that a scheme has anyway is left out of ours.
        theirs = theirs.replace("https://h.example:443", "https://h.example")
        wrong += judge("settings", name, ours.rstrip("/"), theirs.rstrip("/"), {}, set())
    wrong += region_variable(peer, home)
    wrong += [f"the difference {name!r} is no more" for name in SETTINGS if name not in seen]
    return f"{count} settings ({sum(seen.values())} differ as documented)", wrong


def region_variable(peer, home):
    """AWS_REGION is to us what AWS_DEFAULT_REGION alone is to botocore."""
    files, other = {**place(home, CONFIG, ""), "HOME": str(home)}, "ap-south-1"
    ours = peer.ask("settings", env={**files, "AWS_REGION": other, "AWS_DEFAULT_REGION": "x"}, profile="default")["url"]
    by_default = botocore_endpoint({**files, "AWS_DEFAULT_REGION": other}, "default")
    ignored = botocore_endpoint({**files, "AWS_REGION": other}, "default")
    if ours != by_default or other in ignored:
        return [f"AWS_REGION: ours {ours}, botocore {ignored}, and {by_default} by AWS_DEFAULT_REGION"]
    return []


def botocore_endpoint(env, profile):
    """Where botocore would send a request of Step Functions."""
    sent = []

    def stop(request, **_):
        sent.append(request.url)
        raise botocore.exceptions.ConnectionClosedError(endpoint_url="")

    with mock.patch.dict(os.environ, env):
        try:
            session = botocore.session.Session(profile=profile)
            session.register_component("data_loader", LOADER)
            session.set_credentials("A", "S")
            client = session.create_client("stepfunctions", config=Config(retries={"total_max_attempts": 1}))
            client.meta.events.register("before-send.sfn.*", stop)
            client.list_activities()
        except botocore.exceptions.ConnectionClosedError:
            return sent[0]
        except (botocore.exceptions.BotoCoreError, ValueError):
            return "error"
    return "no request"
