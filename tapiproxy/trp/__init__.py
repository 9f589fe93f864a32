"""The Telephony Remote Protocol: clients, handles, processing rules, outcomes ([MS-TRP] 2.2.4, 3.1)."""
