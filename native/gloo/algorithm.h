// Gloo lies inside libtorch, whose wheels leave its headers out while c10d's headers name them. This folder declares as much as those
// need to compile; what is called of Gloo is called through c10d.
#pragma once
