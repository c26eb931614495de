#include "check.h"
static void a(void){CHECK(1);}
CHECK_MAIN(CHECK_TEST(a))
