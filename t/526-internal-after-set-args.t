# What nginx refuses before any location, an `internal` one, is not had from a named location with the
# directive, also where the server block has `set $args` and error pages are recursive.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

memcached->set('/p/secret', "secret\n");

my $nginx = nginx(server => <<"CONF");
    set \$args "";
    recursive_error_pages on;
    error_page 404 = \@old_copy;
    location /p/ {
        internal;
    }
    location \@old_copy {
        rust_page_cache @{[memcached->uri]} key=raw fallback=\@django;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
my $response = $nginx->get('/p/secret');
is $response->body, "fallback\n", 'the fallback answers';
is $response->cache, '', 'nothing is looked up';
$nginx->finish;

done_testing;
