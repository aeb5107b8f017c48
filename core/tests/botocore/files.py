"""The shared files: what is in them, and which source of credentials they lead to."""

import os
from unittest import mock

import botocore.configloader
import botocore.exceptions
import botocore.session

from cases import FILES, PICKS
from differences import PARSED, PICKED


def place(home, config, credentials):
    """Writes the files, and returns the variables that name them."""
    for name, text in (("config", config), ("credentials", credentials)):
        path = home / name
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {"AWS_CONFIG_FILE": str(home / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials")}


def parse(peer, home):
    wrong, seen = [], set()
    for name, config, credentials in FILES:
        env = place(home, config, credentials)
        ours = peer.ask("files", env=env)
        theirs = botocore_files(env)
        both_fail = "error" in ours and "error" in theirs
        if both_fail:
            ours = theirs = {"error": ""}
        wrong += judge("file", name, ours, theirs, PARSED, seen)
    wrong += [f"the difference {name!r} is no more" for name in PARSED.keys() - seen]
    return f"{len(FILES)} pairs of files ({len(PARSED)} differ as documented)", wrong


def judge(kind, name, ours, theirs, known, seen):
    if name in known:
        seen.add(name)
        if ours == theirs:
            return [f"{kind} {name!r}: no difference any more"]
        expected = known[name]
        return [] if expected == ours else [f"{kind} {name!r}: ours is {ours}, not {expected} as documented"]
    return [] if ours == theirs else [f"{kind} {name!r}: ours {ours}\n       botocore {theirs}"]


def botocore_files(env):
    with mock.patch.dict(os.environ, env):
        try:
            full = botocore.session.Session().full_config
        except botocore.exceptions.ConfigParseError as error:
            return {"error": str(error)}
        except AttributeError as error:
            return {"error": f"botocore itself breaks: {error}"}
    return {name: full.get(name, {}) for name in ("profiles", "sso_sessions", "services")}


# botocore's names for what our sources are called.
METHODS = {
    "env": "the environment",
    "shared-credentials-file": "the profile",
    "config-file": "the profile",
    "custom-process": "the profile",
    "assume-role": "the role",
    "assume-role-with-web-identity": "the role",
    "sso": "single sign-on",
}


def pick(peer, home):
    wrong, seen = [], set()
    for name, config, credentials, variables, profile in PICKS:
        env = {**place(home, config, credentials), **variables, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(home)}
        ours = our_pick(peer.ask("settings", env=env, profile=profile))
        theirs = botocore_pick(env, profile)
        wrong += judge("pick", name, ours, theirs, PICKED, seen)
    wrong += [f"the difference {name!r} is no more" for name in PICKED.keys() - seen]
    return f"{len(PICKS)} sources ({len(PICKED)} differ as documented)", wrong


def our_pick(answer):
    if "error" in answer:
        return "error"
    for name in set(METHODS.values()):
        if answer["source"].startswith(name):
            key = answer["key"]
            return [name, key] if not isinstance(key, dict) else "error"
    # What is said if there is nothing at all begins in the same way as what is said if something is wrong.
    nothing = ("no AWS credentials: the environment has no AWS_ACCESS_KEY_ID;", "no AWS credentials: the profile ")
    return "none" if answer["source"].startswith(nothing) else "error"


def botocore_pick(env, profile):
    with mock.patch.dict(os.environ, env):
        try:
            found = botocore.session.Session(profile=profile).get_credentials()
            if found is None:
                return "none"
            name = METHODS[found.method]
            if name not in ("the environment", "the profile"):
                return [name, None]
            return [name, [found.access_key, found.secret_key, found.token or None]]
        except botocore.exceptions.BotoCoreError:
            return "error"
