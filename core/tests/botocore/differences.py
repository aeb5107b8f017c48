"""Where this library and botocore differ on purpose: the name of the case, and what ours is. docs/credentials.md says why."""


def profiles(**profiles):
    return {"profiles": profiles, "sso_sessions": {}, "services": {}}


PARSED = {
    # Editors of another system write it; botocore takes it for the first line's first letter.
    "BOM": profiles(default={"region": "a"}),
    "BOM before credentials": profiles(default={"aws_access_key_id": "A", "aws_secret_access_key": "S"}),
    # Python's own: what stands there counts for every section. No other SDK knows that.
    "DEFAULT": profiles(b={"output": "c"}),
    # botocore looks at the first letters alone.
    "profilex": profiles(),
}

PICKED = {
    # AWS_PROFILE is the documented name.
    "both names of the profile's variable": ["the profile", ["A", "S", None]],
    # A worker can't type a code.
    "role that asks for a code": "error",
    # Nothing can be signed with an empty key.
    "empty id": "error",
}

HOSTS = {}

# The words of our error, where botocore says nothing.
SETTINGS = [
    # botocore drops FIPS and dual-stack without a word; the services' rules call both an error.
    "an endpoint URL can't be combined with",
    # botocore takes what is neither true nor false for false.
    "expected true or false, not",
]
