"""The columns of a feature file that are not features, and the key of its metadata."""

#: Client id, outcome (1 is default, null is unknown), and which part of the clients a row is in.
ID, TARGET, SPLIT = "SK_ID_CURR", "TARGET", "SPLIT"
#: The columns that identify a row, in the order of the file.
INDEX_COLUMNS = (ID, TARGET, SPLIT)
#: Key of JSON in the file's schema metadata: version, digests, and whether it was transformed.
META_KEY = "credit_features"
#: Set in that JSON where the clients are invented.
DEMONSTRATION = "demonstration"
#: Before the name of a feature: the column of a client store with its doubles, which are no feature.
EXACT = "exact "
#: Raw columns that models do not use by default, nor any feature computed from them.
PROTECTED_COLUMNS = ("CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_CHILDREN", "CNT_FAM_MEMBERS")
