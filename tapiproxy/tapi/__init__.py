"""The words of TAPI: constants and structs of [MS-TRP] 2.2.3 and 2.2.6, data only."""
