/* In place of libldap in the images. libpq asks a directory for the parameters of a connection where its service file
 * names one (https://www.postgresql.org/docs/15/libpq-ldap.html), which a collector's does not; the real library brings
 * GnuTLS, p11-kit and others along, 7 MB that somebody has to patch. So whoever asks is told that there is none: libpq
 * then refuses the connection with "could not create LDAP structure". The names are those that Debian 12's libpq wants. */
#include <stddef.h>

static char none[] = "there is no LDAP in this image";

void* ldap_init(void) { return NULL; }

/* Nobody has what ldap_init() gives, so none of these is ever called. */
#define NEVER(name) \
  int name(void) { return -1; }
NEVER(ldap_count_entries)
NEVER(ldap_msgfree)
NEVER(ldap_result)
NEVER(ldap_search_st)
NEVER(ldap_set_option)
NEVER(ldap_simple_bind)
NEVER(ldap_unbind)
char* ldap_err2string(void) { return none; }
void* ldap_first_entry(void) { return NULL; }
void* ldap_get_values_len(void) { return NULL; }
void ldap_value_free_len(void) {}
