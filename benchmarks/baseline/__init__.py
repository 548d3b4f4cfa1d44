"""What the service is compared with: see README.md here."""
