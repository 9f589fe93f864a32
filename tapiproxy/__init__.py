"""A telephony server for agent applications: [MS-TRP] in front, ACD proxy handlers behind."""
