/*
 * Linked into the nginx that scripts/sanitize builds, so that a nginx which starts itself again
 * (a binary upgrade keeps none of the environment) is under the same options.
 */

const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=1"
           ":log_path=" REPORTS "/asan"
           ":print_suppressions=0";
}

/* What nginx leaks by design, or because its process ends anyway. */
const char *__lsan_default_suppressions(void)
{
    /* The connections of a worker and their events: taken once, never given back. */
    return "leak:^ngx_event_process_init$\n";
}

/*
 * Modules are unloaded with the pool of the configuration, before leaks are looked for: what they
 * leaked could not be named any more.
 */
int dlclose(void *handle)
{
    (void) handle;
    return 0;
}
