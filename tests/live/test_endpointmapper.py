"""The endpoint mapper, asked by impacket as clients of dynamic endpoints ask."""

import pytest

from tests.live.peer import (
    PATIENCE,
    TAPSRV,
    Agent,
    faultStatus,
    impacketUUID,
    rpcrt,
    transport,
)
from tests.live.ports import freePort

epm = pytest.importorskip("impacket.dcerpc.v5.epm", reason="impacket is not installed")

NDR64 = ("71710533-BEBA-4937-8319-B5DBEF9CCC36", "1.0")
nca_s_op_rng_error = 0x1C010002
EPT_S_NOT_REGISTERED = 0x16C9A0D6


class Mapper:
    """
    A server with an endpoint mapper.

    :ivar port: where that is.
    """

    def __init__(self, startServer) -> None:
        self.port = freePort()
        config = f'[endpoint_mapper]\nendpoint = "tcp:{self.port}:interface=127.0.0.1"\n'
        self.server = startServer(config=config, wait=False)
        self.server.waitForLog(f"listening on 127.0.0.1 port {self.port}")

    def connect(self):
        """A connection to it, not bound yet."""
        channel = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{self.port}]")
        channel.set_connect_timeout(PATIENCE)
        dce = rpcrt.DCERPC_v5(channel)
        dce.connect()
        return dce

    def find(self, interface, protocol: str = "ncacn_ip_tcp", **more) -> str:
        """The string binding of an interface; a connection is for one question."""
        dce = self.connect()
        try:
            uuid = impacketUUID.uuidtup_to_bin(interface)
            return epm.hept_map("127.0.0.1", uuid, protocol=protocol, dce=dce, **more)
        finally:
            dce.disconnect()


@pytest.fixture
def mapper(startServer):
    """A server with an endpoint mapper."""
    return Mapper(startServer)


def test_map(mapper):
    """The port that is told is one where tapsrv is."""
    assert mapper.find(TAPSRV) == f"ncacn_ip_tcp:127.0.0.1[{mapper.server.port}]"
    ndr64 = impacketUUID.uuidtup_to_bin(NDR64)
    binding = mapper.find(TAPSRV, dataRepresentation=ndr64)
    agent = Agent(int(binding.partition("[")[2].rstrip("]")))
    try:
        assert agent.clientAttach()[1] == 0
    finally:
        agent.close()


def test_notThere(mapper):
    """Another interface, another version, and a pipe are told of by nobody."""
    for interface in (("12345678-1234-ABCD-EF00-01234567CFFB", "1.0"), (TAPSRV[0], "2.0")):
        with pytest.raises(rpcrt.DCERPCException) as refused:
            mapper.find(interface)
        assert refused.value.get_error_code() == EPT_S_NOT_REGISTERED
    with pytest.raises(rpcrt.DCERPCException) as refused:
        mapper.find(TAPSRV, protocol="ncacn_np")
    assert refused.value.get_error_code() == EPT_S_NOT_REGISTERED


def test_noList(mapper):
    """Nobody reads a list of what there is."""
    dce = mapper.connect()
    dce.bind(epm.MSRPC_UUID_PORTMAP)
    request = epm.ept_lookup()
    request["inquiry_type"] = epm.RPC_C_EP_ALL_ELTS
    request["object"] = epm.NULL
    request["Ifid"] = epm.NULL
    request["vers_option"] = epm.RPC_C_VERS_ALL
    request["max_ents"] = 500
    with pytest.raises(rpcrt.DCERPCException) as refused:
        dce.request(request)
    assert faultStatus(refused.value) == nca_s_op_rng_error
    dce.disconnect()
