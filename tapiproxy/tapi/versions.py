"""
Versions of TAPI, major in the high word, minor in the low word.  [MS-TRP] 1.7
"""

TAPI_1_3 = 0x00010003  # missing in 1.7, in the list of 3.1.4.2 (NegotiateAPIVersion)
TAPI_1_4 = 0x00010004
TAPI_2_0 = 0x00020000
TAPI_2_1 = 0x00020001
TAPI_2_2 = 0x00020002
TAPI_3_0 = 0x00030000
TAPI_3_1 = 0x00030001

VALID_VERSIONS = (TAPI_1_3, TAPI_1_4, TAPI_2_0, TAPI_2_1, TAPI_2_2, TAPI_3_0, TAPI_3_1)
