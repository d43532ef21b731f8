"""The market as a whole, its sectors and indices, and each name against them."""
