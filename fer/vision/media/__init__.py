"""What comes in from outside: pictures, folders of them and videos; and videos going out again."""
