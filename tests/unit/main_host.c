/* SPDX-License-Identifier: MIT */
int unit_main(void);

int main(void)
{
    return unit_main();
}
