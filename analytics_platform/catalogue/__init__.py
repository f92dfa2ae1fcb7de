"""What is known of recordings outside the play counts: catalogues, popularity, clips and the rights to use them."""
