"""The interface mgmt, asked by impacket beside tapsrv and alone."""

import socket

import pytest

from tests.live.peer import (
    ALL_DEVICES,
    PATIENCE,
    TAPSRV,
    faultStatus,
    impacketUUID,
    rpcrt,
    transport,
)

mgmt = pytest.importorskip("impacket.dcerpc.v5.mgmt", reason="impacket is not installed")

MGMT = ("AFA8BD80-7D8A-11C9-BEF4-08002B102989", "1.0")
RPC_S_ACCESS_DENIED = 5
RPC_S_UNKNOWN_AUTHN_SERVICE = 0x6D3
nca_s_fault_invalid_bound = 0x1C000007


@pytest.fixture
def manager(server):
    """A client of mgmt."""
    channel = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{server.port}]")
    channel.set_connect_timeout(PATIENCE)
    dce = rpcrt.DCERPC_v5(channel)
    dce.connect()
    channel.get_socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    dce.bind(mgmt.MSRPC_UUID_MGMT)
    yield dce
    dce.disconnect()


def counters(manager) -> list[int]:
    """What inq_stats tells."""
    return list(mgmt.hinq_stats(manager)["statistics"])


def test_inqIfIds(manager):
    """The interfaces that a client can bind here are named."""
    answer = mgmt.hinq_if_ids(manager)
    found = [each["Data"] for each in answer["if_id_vector"]["if_id"]]
    names = [(impacketUUID.bin_to_string(each["Uuid"]), each["VersMajor"]) for each in found]
    assert names == [(TAPSRV[0], 1), (MGMT[0], 1)]
    assert (answer["if_id_vector"]["count"], answer["status"]) == (2, 0)


def test_inqStats(manager, agent):
    """Calls and packets are counted for all connections together."""
    before = counters(manager)
    # Two binds; this call itself is counted after its answer was made.
    assert before == [0, 0, 2, 2]
    assert agent.clientAttach() == (ALL_DEVICES, 0)
    # The client was called back: a bind and RemoteSPAttach.
    now = counters(manager)
    assert now == [2, 1, 6, 6]
    assert len(mgmt.hinq_stats(manager, count=2)["statistics"]) == 2


def test_listening(manager):
    """It listens, and does not stop for the asking."""
    manager.call(2, b"")
    assert manager.recv() == b"\0\0\0\0\1\0\0\0"
    with pytest.raises(rpcrt.DCERPCException) as refused:
        mgmt.hstop_server_listening(manager)
    assert refused.value.get_error_code() == RPC_S_ACCESS_DENIED
    assert counters(manager)[0] == 2


def test_inqPrincName(manager):
    """No principal is named."""
    manager.call(4, b"\x0a\0\0\0\x20\0\0\0")
    stub = manager.recv()
    assert stub == bytes.fromhex("20000000 00000000 01000000 00000000 d3060000")
    with pytest.raises(rpcrt.DCERPCException) as refused:
        mgmt.hinq_princ_name(manager, princ_name_size=0)
    assert faultStatus(refused.value) == nca_s_fault_invalid_bound
