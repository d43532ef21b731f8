"""What is wrong with a finished run, in words: one function a check, over what the run says."""
