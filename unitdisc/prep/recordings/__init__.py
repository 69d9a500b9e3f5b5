"""Folders of recordings as people have them: what lies beside them, who speaks, and where the long ones are cut."""
