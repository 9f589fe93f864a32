"""Field kinds, cursors and text of TAPI's packets: the codec, with no telephony and no I/O."""
