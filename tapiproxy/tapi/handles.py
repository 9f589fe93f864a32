"""
The types of handles.  [MS-TRP] 2.2.1 and 2.2.2

Names for the declarations of packets: a handle is a DWORD on the wire whatever its type, the types
are told apart by the tables of the session layer.
"""

HCALL = "HCALL"
HLINE = "HLINE"
HLINEAPP = "HLINEAPP"
HPHONE = "HPHONE"
HPHONEAPP = "HPHONEAPP"
HAGENT = "HAGENT"
HAGENTSESSION = "HAGENTSESSION"
