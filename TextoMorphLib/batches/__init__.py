"""Many tumours: jobs, who does which, over processes and machines, and what came of them."""
