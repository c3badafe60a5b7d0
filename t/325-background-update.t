# The background update of a proxy_cache is not looked up.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $nginx = nginx(
    http => <<"CONF",
    proxy_cache_path proxy_cache keys_zone=pages:1m;
    log_format cache '\$uri \$upstream_cache_status \$rust_page_cache_status \$rust_page_cache_reason';
    access_log access.log cache;
    log_subrequest on;
CONF
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
        proxy_pass http://127.0.0.1:@{[app->port]};
        proxy_cache pages;
        proxy_cache_valid 1s;
        proxy_cache_use_stale updating;
        proxy_cache_background_update on;
    }
CONF
);

is $nginx->get('/page')->cache, 'MISS absent', 'looked up, and then cached by nginx';
is scalar(() = app->requests), 1, 'the application has made it';
# Requests go on until nginx serves a stale one and makes it anew behind it.
ok wait_until(sub { $nginx->get('/page'); scalar(() = app->requests) > 1 }, 5), 'made anew';
my $log = wait_until(sub { my $l = $nginx->read_file('access.log'); $l =~ /EXPIRED/ && $l }, 3) || '';
# nginx starts such a subrequest behind the phase in which pages are looked up.
like $log, qr{^/page EXPIRED (?:BYPASS subrequest| )$}m, 'by a subrequest that was not looked up';
like $log, qr{^/page STALE MISS absent$}m, 'behind a request that was';

$nginx->finish;

done_testing;
