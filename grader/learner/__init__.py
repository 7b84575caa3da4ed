"""What a person who learns alone has: progress that is kept, the next exercise, solutions."""
