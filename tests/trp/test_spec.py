"""Every declaration is held against the data extracted from [MS-TRP] and from tapi.h."""

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.tapi import (
    agentstructs,
    callstructs,
    eventmasks,
    extensionids,
    lineconstants,
    lineerr,
    linestructs,
    phoneconstants,
    phoneerr,
    phonestructs,
    proxymessages,
)
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0, TAPI_2_1, TAPI_2_2, TAPI_3_0, TAPI_3_1
from tapiproxy.trp import completions, events
from tapiproxy.trp.requests import byFunction, names
from tapiproxy.trp.templates import FRAME_SIZE, LATER, NOW
from tapiproxy.wire.layout import Currency, Date, Guid, Nested, fieldsOf
from tapiproxy.wire.structs import fixedSize, slotNames
from tests.spec.extracted import constants, headerStructs, packets

#: Where a declaration differs on purpose from what is printed, and why.
EXPECTED = {
    # Printed in 2.2.3.1.38 and 2.2.3.2.4 with "0X" for "0x", or with a small "not", which is
    # declared in capitals as in tapi.h; the extraction lacks them.
    "unextracted": {
        "LINEERR_DISCONNECTED": 0x80000060,
        "LINEERR_SERVICE_NOT_RUNNING": 0x80000061,
        "PHONEERR_NOTOWNER": 0x9000001B,
        "PHONEERR_SERVICE_NOT_RUNNING": 0x90000025,
    },
    # The template of 2.2.5.2 rules: thirteen parameters before VarData.
    "frames": {
        18: 64,  # GatherDigits lists one Reserved too many
        103: 64,  # phone GetStatus as well
        161: 56,  # RSPSetEventFilterMasks lists one too few
    },
    # "See text", which says nothing; none of the three could carry a request ID.
    "completes": {0: NOW, 130: NOW, 161: NOW},
    # tapi.h, with which applications are compiled, has one GUID and eight octets where the
    # specification has four DWORDs and four octets.
    "structs": {
        "LINEAGENTGROUPENTRY": {
            "GroupID": ("dwGroupID1", "dwGroupID2", "dwGroupID3", "dwGroupID4")
        },
    },
    "sizes": {
        "LINEAGENTINFO": {"cyOverallCallRate": 4},
        "LINEAGENTSESSIONINFO": {"dateSessionStartTime": 4, "cyACDCallRate": 4},
    },
    # tapi.h spells this one member otherwise.
    "header": {"dwGenerateToneMaxNumFreq": "dwGenerateToneMaxFreq"},
}

STRUCTS = [
    value
    for module in (agentstructs, callstructs, extensionids, linestructs, phonestructs)
    for value in (getattr(module, name) for name in module.__all__)
]

#: Decision 9 of docs/specification.md, and tapi.h: the sizes of the structs that grew.
SIZES = {
    linestructs.LINEDEVCAPS: {
        TAPI_1_4: 240, TAPI_2_0: 252, TAPI_2_1: 252, TAPI_2_2: 268, TAPI_3_0: 292, TAPI_3_1: 292,
    },
    linestructs.LINEADDRESSCAPS: {TAPI_1_4: 180, TAPI_2_0: 228, TAPI_3_1: 228},
    linestructs.LINEDEVSTATUS: {TAPI_1_4: 76, TAPI_2_0: 88, TAPI_3_1: 88},
    agentstructs.LINEAGENTCAPS: {TAPI_2_0: 56, TAPI_2_1: 56, TAPI_2_2: 72, TAPI_3_1: 72},
    callstructs.LINECALLPARAMS: {TAPI_1_4: 112, TAPI_2_0: 168, TAPI_2_2: 168, TAPI_3_0: 180},
    phonestructs.PHONECAPS: {TAPI_1_4: 144, TAPI_2_0: 180, TAPI_2_2: 196},
    agentstructs.LINEAGENTINFO: {TAPI_2_2: 56},
    agentstructs.LINEAGENTSESSIONINFO: {TAPI_2_2: 76},
}  # fmt: skip


class Constants(TestCase):
    """2.2.3."""

    MODULES = (lineconstants, lineerr, phoneconstants, phoneerr)

    def declared(self) -> dict[str, int]:
        return {
            name: value
            for module in self.MODULES
            for name, value in vars(module).items()
            if isinstance(value, int) and "_" in name.strip("_")
        }

    def test_values(self) -> None:
        """Each constant of the specification is declared with its value."""
        declared = self.declared()
        for _, name, value in constants():
            self.assertEqual(declared.get(name), value, name)
        for name, value in EXPECTED["unextracted"].items():
            self.assertEqual(declared.get(name), value, name)

    def test_nothingElse(self) -> None:
        """No constant is declared that the specification lacks, but those named here."""
        known = {name for _, name, _ in constants()} | set(EXPECTED["unextracted"])
        rest = {name for name in self.declared() if name not in known}
        self.assertEqual(
            rest,
            {
                "LINEGROUPSTATUS_NEWGROUP",
                "LINEGROUPSTATUS_GROUPREMOVED",
                "STRINGFORMAT_ASCII",
                "STRINGFORMAT_DBCS",
                "STRINGFORMAT_UNICODE",
                "STRINGFORMAT_BINARY",
            },
        )

    def test_sets(self) -> None:
        """Each of the 70 sets is an object that holds exactly its constants."""
        groups: dict[str, set[int]] = {}
        for group, _, value in constants():
            groups.setdefault(group, set()).add(value)
        for name, value in EXPECTED["unextracted"].items():
            groups[name.partition("_")[0]].add(value)
        self.assertEqual(len(groups), 70)
        for group, values in groups.items():
            found = next(vars(module)[group] for module in self.MODULES if group in vars(module))
            self.assertEqual(set(found), values, group)

    def test_eventMasks(self) -> None:
        """EM_ALL of 2.2.4.1.8.3 holds every mask that has a name."""
        self.assertEqual(eventmasks.EM.mask & ~eventmasks.EM_ALL, 0)
        self.assertEqual(len(list(eventmasks.EM)), 29)


class Requests(TestCase):
    """2.2.4.1."""

    def test_allNumbersHaveNames(self) -> None:
        """The table of names has the 132 requests and nothing else."""
        printed = {p.number: (p.name, p.device) for p in packets("request")}
        self.assertEqual(len(printed), 132)
        self.assertEqual(names.REQUEST_NAMES, printed)

    def test_declaredClasses(self) -> None:
        """Each declared class has number, name, parameters and completion of its packet."""
        printed = {p.number: p for p in packets("request")}
        self.assertEqual(len(byFunction), 44)
        for number, cls in byFunction.items():
            packet = printed[number]
            self.assertEqual(cls.Req_Func, number)
            self.assertEqual(cls.__name__, packet.name)
            declared = [slot for field in fieldsOf(cls) for slot in field.slots]
            parameters = [
                member
                for member in packet.members[1:]
                if not member.startswith("Reserved") and member != "VarData"
            ]
            self.assertEqual(declared, parameters, cls)
            completes = EXPECTED["completes"].get(number, packet.completes)
            self.assertEqual(cls.completes, completes, cls)

    def test_parametersComeFirst(self) -> None:
        """No reserved DWORD stands between the parameters, and the frame has its 60 octets."""
        for packet in packets("request"):
            flags = [m.startswith("Reserved") for m in packet.members[2:] if m.upper() != "VARDATA"]
            if packet.number in byFunction:
                self.assertEqual(flags, sorted(flags), packet.name)
            size = EXPECTED["frames"].get(packet.number, FRAME_SIZE)
            fixed = [
                size
                for member, size in zip(packet.members, packet.sizes, strict=True)
                if member.upper() != "VARDATA"
            ]
            self.assertEqual(sum(fixed), size, packet.name)

    def test_sections(self) -> None:
        """Each docstring names the section that the packet is printed in."""
        printed = {p.number: p.section for p in packets("request")}
        for number, cls in byFunction.items():
            self.assertIn(f"[MS-TRP] {printed[number]}", f"{cls.__doc__}", cls)


class Structs(TestCase):
    """2.2.6, and tapi.h."""

    def test_members(self) -> None:
        """Each struct has the members of its printed packet, in their order and of their sizes."""
        printed = {p.name: p for p in packets("struct")}
        for cls in STRUCTS:
            packet = printed[cls.__name__]
            parts = EXPECTED["structs"].get(cls.__name__, {})
            declared = [part for slot in slotNames(cls) for part in parts.get(slot, (slot,))]
            members = [member for member in packet.members if member != "VarData"]
            self.assertEqual(declared, members, cls)
            sizes = dict(zip(packet.members, packet.sizes, strict=True))
            for field in fieldsOf(cls):
                if field.name in EXPECTED["sizes"].get(cls.__name__, {}):
                    self.assertEqual(sizes[field.name], 4)
                elif isinstance(field.kind, Guid | Nested) and field.name in sizes:
                    self.assertEqual(sizes[field.name], 16, field.path)

    def test_header(self) -> None:
        """Each struct has the size of tapi.h, and each member its offset."""
        header = headerStructs()
        for cls in STRUCTS:
            expected = header[cls.__name__]
            self.assertEqual(fixedSize(cls), expected.size, cls)
            members = [EXPECTED["header"].get(name, name) for name in expected.members]
            self.assertEqual(list(slotNames(cls)), members, cls)
            position = 4 * (len(slotNames(cls)) - sum(len(f.slots) for f in fieldsOf(cls)))
            offsets = dict(zip(members, expected.offsets, strict=True))
            for field in fieldsOf(cls):
                self.assertEqual(offsets[field.slots[0]], position, field.path)
                eight = isinstance(field.kind, Currency | Date)
                sixteen = isinstance(field.kind, Guid | Nested)
                position += 16 if sixteen else 8 if eight else 4 * len(field.slots)

    def test_sizesByVersion(self) -> None:
        """A struct has the size of the version that is asked for."""
        for cls, sizes in SIZES.items():
            for version, size in sizes.items():
                self.assertEqual(fixedSize(cls, version), size, (cls, hex(version)))


class Events(TestCase):
    """2.2.4.2.1."""

    def test_numbers(self) -> None:
        """Each event has the Msg of its packet, and the packet is the ten DWORDs of the frame."""
        printed = {p.name: p for p in packets("event")}
        declared = [
            *proxymessages.PROXY_MESSAGES,
            *(
                value
                for value in vars(events).values()
                if attrs.has(value) and value.__name__.startswith("LINE_")
                and value not in proxymessages.PROXY_MESSAGES
            ),
        ]  # fmt: skip
        self.assertEqual(len(declared), 11)
        for cls in declared:
            packet = printed[cls.__name__]
            self.assertEqual(cls.Msg, packet.number, cls)
            self.assertEqual(sum(packet.sizes), events.FRAME_SIZE)
            self.assertEqual(packet.members[4], "Msg")
            self.assertEqual(packet.members[6:9], ("Param1", "Param2", "Param3"))
        self.assertEqual(printed["LINE_REPLY"].number, events.LINE_REPLY)


class Completions(TestCase):
    """2.2.4.2.2."""

    def test_fields(self) -> None:
        """Each special completion of a declared request has the printed context and size."""
        printed = {p.name: p for p in packets("completion") if p.section.startswith("2.2.4.2.2.")}
        declared = {cls.__name__: special for cls, special in completions.SPECIAL.items()}
        served = {cls.__name__ for cls in byFunction.values() if cls.completes == LATER}
        self.assertEqual(set(declared), set(printed) & served)
        for name, special in declared.items():
            self.assertEqual(printed[name].members[2], "lpContext")
            self.assertEqual(printed[name].members[6:8], ("dwRequestId", "Result"))
            self.assertEqual(printed[name].members[8:], (special.context, "dwSize", "VarData"))

    def test_contextsAndRooms(self) -> None:
        """The fields that the table of completions names are fields of the requests."""
        for cls, special in completions.SPECIAL.items():
            fields = {field.name for field in fieldsOf(cls)}
            self.assertIn(special.context, fields)
            self.assertTrue(special.room in fields or special.content in (int, bytes), cls)


class ProxyRequests(TestCase):
    """2.2.6.28."""

    def test_rows(self) -> None:
        """Each of the twenty rows names a type, the request that becomes it, and its answer."""
        self.assertEqual([row.requestType for row in PROXY_REQUESTS], list(range(1, 21)))
        for row in PROXY_REQUESTS:
            cls = byFunction[row.Req_Func]
            self.assertEqual(cls.__name__, row.name)
            word = lineconstants.LINEPROXYREQUEST.names(row.requestType)
            self.assertEqual(word, row.name.upper())
            self.assertEqual(row.method, row.name[0].lower() + row.name[1:])
            special = completions.SPECIAL.get(cls)
            self.assertIs(special and special.content, row.result)

    def test_members(self) -> None:
        """The arms have the members of the union under their names without the suffix."""
        (union,) = (p for p in packets("struct") if p.name == "LINEPROXYREQUEST")
        for row in PROXY_REQUESTS:
            suffix = row.name.upper()
            members = [m for m in union.members[7:] if m.endswith(suffix)]
            # ... but where the suffix ends another's name: GETAGENTCAPS is no AGENTCAPS.
            plain = [m.removesuffix(suffix) for m in members]
            for field in attrs.fields(row.arm)[1:]:
                spelled = {field.name, f"dw{field.name}Size"}
                self.assertTrue(spelled & set(plain), f"{row.name}.{field.name}")
