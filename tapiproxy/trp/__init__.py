"""The Telephony Remote Protocol: clients, handles, rules, outcomes ([MS-TRP] 2.2.4, 3.1)."""
