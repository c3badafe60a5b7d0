"""nginx-conf/sso.conf: a page for each user that auth_request names."""

import json

import pytest

SERVICE = ("127.0.0.1:4180", "sso_service")
ALICE, BOB, ZOE, NOBODY = (
    [("Cookie", f"_oauth2_proxy={token}")]
    for token in ("token-of-alice", "token-of-bob", "token-of-zoe", "no-name")
)
# What a client may send to be taken for alice.
FORGED = [
    [("X-Remote-User", "alice")],
    [("x-remote-user", "alice")],
    [("X-Remote-User", "alice"), ("X-Remote-User", "alice")],
    [("X-Remote-User", "")],
    [("X_Remote_User", "alice")],
    [("X-Auth-Request-User", "alice")],
    [("User", "alice")],
]


@pytest.fixture
def sso(shipped):
    return shipped("sso.conf", "sso", (SERVICE,))


def account(who):
    return f"account of {who}".encode()


def hit(side, target, headers):
    """The body; Django does nothing for it."""
    rendered = side.site.rendered
    answer = side.nginx(target, headers=headers)
    assert answer.cache == "HIT"
    assert side.site.rendered == rendered
    assert answer.get("Cache-Control") == "max-age=300, private, no-cache"
    return answer.body


def test_each_user_has_pages_of_his_own(sso):
    target = sso.fresh("/account/")
    for who, headers in [("alice", ALICE), ("bob", BOB), ("nobody", NOBODY), ("zoë", ZOE)]:
        assert sso.misses(target, headers=headers).body == account(who)
        assert hit(sso, target, headers) == account(who)
    assert hit(sso, target, ALICE) == account("alice")
    # Django's own hits for the same users.
    for who, headers in [("alice", [("X-Remote-User", "alice")]), ("nobody", [])]:
        rendered = sso.site.rendered
        assert sso.django(target, headers=headers).body == account(who)
        assert sso.site.rendered == rendered


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_what_a_client_says_has_no_effect(sso, headers):
    target = sso.fresh("/account/")
    # A miss of his stores his own page, not one of alice's.
    assert sso.misses(target, headers=[*headers, *BOB]).body == account("bob")
    assert sso.misses(target, headers=ALICE).body == account("alice")
    for order in ([*headers, *BOB], [*BOB, *headers]):
        assert hit(sso, target, order) == account("bob")
    assert hit(sso, target, [*headers, *ALICE]) == account("alice")
    assert sso.misses(target, headers=[*headers, *NOBODY]).body == account("nobody")
    assert hit(sso, target, NOBODY) == account("nobody")


def test_nobody_gets_a_page_without_logging_in(sso):
    target = sso.fresh("/account/")
    assert sso.misses(target, headers=ALICE).body == account("alice")
    for headers in ([], [("Cookie", "_oauth2_proxy=forged")], [("X-Remote-User", "alice")]):
        rendered = sso.site.rendered
        answer = sso.nginx(target, headers=headers)
        assert (answer.status, answer.body) == (403, b"who are you?")
        assert sso.site.rendered == rendered


def test_pages_for_all_users_are_shared(sso):
    target = sso.fresh("/terms/")
    sso.misses(target, headers=ALICE)
    for headers in (BOB, NOBODY, [*BOB, ("X-Remote-User", "alice")]):
        assert hit(sso, target, headers) == b"the same for all"


def test_deleted(sso):
    """Of one user, by Django's own means."""
    target = sso.fresh("/account/")
    for headers in (ALICE, BOB):
        sso.misses(target, headers=headers)
    assert sso.site.delete(target, "default", meta=json.dumps({"HTTP_X_REMOTE_USER": "alice"}))
    sso.misses(target, headers=ALICE)
    assert hit(sso, target, BOB) == account("bob")
