-- Events that fill staff_postings since transfers have an event of their own.

COMMENT ON TABLE staff_postings IS 'One row for each StaffHired and StaffTransferred; filled from the log by the reactor account_access.';
