"""JSON Web Tokens, and how a relying party checks them."""
