// <linux/kfd_ioctl.h> includes this for the kernel's integer types alone; not every distribution
// installs it.
#pragma once
#include <linux/types.h>
