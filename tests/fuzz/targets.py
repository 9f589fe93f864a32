"""All targets: what the test suite and the long run feed."""

from tests.fuzz.associations import ASSOCIATIONS
from tests.fuzz.callbacks import CALLBACKS
from tests.fuzz.codecs import CODECS
from tests.fuzz.servers import SERVERS

__all__ = ["TARGETS"]

TARGETS = (*CODECS, *ASSOCIATIONS, *SERVERS, *CALLBACKS)
