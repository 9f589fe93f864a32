"""The request packets of [MS-TRP] 2.2.4.1, one class each."""
