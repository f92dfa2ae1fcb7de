"""An open, self-hosted music analytics platform for independent labels and distributors."""
