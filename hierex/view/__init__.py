"""What the pages are made of, by page, and what they share. The only package of the library that knows Streamlit."""
