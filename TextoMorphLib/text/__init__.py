"""What texts say of lesions: terms, denials, whose a word is, reports, wordings, text encoders."""
