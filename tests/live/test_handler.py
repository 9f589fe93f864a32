"""A third party's handler: deadlines, failures, availability and drain, as clients see them."""

import signal
from pathlib import Path

import pytest

from tests.live import packets
from tests.live.packets import (
    LINE_CLOSE,
    LINE_PROXYSTATUS,
    LINE_REPLY,
    LINEERR_OPERATIONFAILED,
    LINEERR_OPERATIONUNAVAIL,
    LINEPROXYSTATUS_ALLOPENFORACD,
    LINEPROXYSTATUS_CLOSE,
    LINEPROXYSTATUS_OPEN,
    NO_DATA,
    AgentSpecific,
    Close,
    CreateAgent,
    GetProxyStatus,
)
from tests.live.peer import Agent

HANDLERS = Path(__file__).with_name("handlers")

CONFIG = """
[deadlines]
default = 60.0

[handlers.obedient]

[lines."Line 1"]
addresses = ["1000"]
"""


@pytest.fixture
def obedient(startServer):
    """A server whose only handler is the obedient one."""
    return startServer("--plugin-dir", str(HANDLERS), config=CONFIG)


@pytest.fixture
def application(obedient, makeAgent):
    """An agent application of it, with the line open."""
    return makeAgent(obedient).establish()


def tell(agent: Agent, word: bytes) -> None:
    """Make the handler do something."""
    agent.succeed(AgentSpecific, 0, agent.hLine, 0, 0, 0, 0, len(word), varData=word)


def startCreateAgent(agent: Agent) -> int:
    """A CreateAgent that the handler keeps waiting."""
    return agent.start(CreateAgent, 0, agent.hLine, NO_DATA, NO_DATA, 0)


def available(agent: Agent) -> list[int]:
    """GetProxyStatus of the first line."""
    reply = agent.must(GetProxyStatus, agent.hLineApp, 0, 0x00030000, 512, room=512)
    return packets.proxyRequestList(reply.struct(reply.args[3]))


def test_lateAnswer(application):
    """The acknowledgement does not wait for the handler; the answer comes when there is one."""
    requestID = startCreateAgent(application)
    assert application.remotesp.events == []
    tell(application, b"answer")
    event = application.reply(requestID)
    assert event.Param2 == 0
    assert event.varData[:4] == (0x1001).to_bytes(4, "little")


def test_handlerFails(obedient, application):
    """An exception of the handler is LINEERR_OPERATIONFAILED; its text goes to the log only."""
    obedient.alarms.remove("Traceback")
    obedient.alarms.remove("[critical]")
    requestID = startCreateAgent(application)
    tell(application, b"fail")
    event = application.reply(requestID)
    assert event.Param2 == LINEERR_OPERATIONFAILED
    assert event.varData == b""
    obedient.waitForLog("a secret of the handler")
    assert "obedient" in obedient.log


def test_deadline(startServer, makeAgent):
    """A handler that never answers: LINE_REPLY says so at the deadline of the request type."""
    config = CONFIG.replace("default = 60.0", "default = 60.0\nCreateAgent = 0.5")
    server = startServer("--plugin-dir", str(HANDLERS), config=config)
    agent = makeAgent(server).establish()
    event = agent.reply(startCreateAgent(agent), timeout=5)
    assert event.Param2 == LINEERR_OPERATIONFAILED
    tell(agent, b"answer")
    assert agent.remotesp.events == [], "an answer after the deadline reaches nobody"


def test_closeCancelsWithoutReply(application):
    """Close ends what is outstanding without LINE_REPLY, and a late answer reaches nobody."""
    startCreateAgent(application)
    application.must(Close, application.hLine)
    application.open(0, 0x00030000)
    tell(application, b"answer")
    assert application.remotesp.events == []


def test_proxyStatus(obedient, application, makeAgent):
    """Each change of availability is told once per type, and ALLOPENFORACD when all are back."""
    watcher = makeAgent(obedient, machine="WATCHER").establish()
    assert available(application) == list(range(1, 21))
    tell(application, b"close")
    others = [number for number in range(1, 21) if number != 6]
    closed = [watcher.remotesp.take(lambda event: event.Msg == LINE_PROXYSTATUS) for _ in others]
    assert [event.Param1 for event in closed] == [LINEPROXYSTATUS_CLOSE] * 19
    assert sorted(event.Param2 for event in closed) == others
    assert available(application) == [6]
    reply = application.ask(CreateAgent, 0, 0, application.hLine, NO_DATA, NO_DATA, 0)
    assert reply.ack == LINEERR_OPERATIONUNAVAIL

    tell(application, b"open")
    opened = [watcher.remotesp.take(lambda event: event.Msg == LINE_PROXYSTATUS) for _ in others]
    assert [event.Param1 for event in opened] == [LINEPROXYSTATUS_OPEN] * 19
    assert sorted(event.Param2 for event in opened) == others
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_PROXYSTATUS)
    assert (event.Param1, event.Param2) == (LINEPROXYSTATUS_ALLOPENFORACD, 0)
    assert available(application) == list(range(1, 21))


def test_drain(obedient, application, makeAgent):
    """SIGTERM: LINE_REPLY for every pending request, then LINE_CLOSE, then the end."""
    other = makeAgent(obedient).establish()
    pending = {startCreateAgent(application) for _ in range(3)}
    obedient.signal(signal.SIGTERM)
    application.remotesp.waitFor("lost")
    events = application.remotesp.events
    replies = [event for event in events if event.Msg == LINE_REPLY]
    assert {event.Param1 for event in replies} == pending
    assert {event.Param2 for event in replies} == {LINEERR_OPERATIONFAILED}
    assert [event.Msg for event in events].index(LINE_CLOSE) == len(replies)
    other.remotesp.waitFor("lost")
    assert [event.Msg for event in other.remotesp.events] == [LINE_CLOSE]
    obedient.waitForOrderlyEnd()


def test_handlerThatDoesNotLoad(startServer, tmp_path):
    """A handler that was asked for and cannot be imported stops the start, with its traceback."""
    plugins = tmp_path / "handlers"
    plugins.mkdir()
    (plugins / "broken.py").write_text("import no_such_module_anywhere\n")
    config = CONFIG.replace("obedient", "broken")
    server = startServer("--plugin-dir", str(plugins), config=config, wait=False)
    assert server.wait() != 0
    assert "no_such_module_anywhere" in server.log
    assert "broken.py" in server.log
    server.alarms.clear()
