-- KEYS: any, and the mark of a member. What goes before a vote's script where the server does not know that.
check_mark(KEYS[#KEYS])
return { 'checked' }
