"""Makes the image of the appliance: a root file system, a disk, an update, and what is said of them."""
