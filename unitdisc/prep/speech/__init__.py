"""Speech that is made: eSpeak NG, its phonemes and voices, and sentences read aloud with exact boundaries."""
