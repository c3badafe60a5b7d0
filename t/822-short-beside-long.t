# A location with a short budget does not take the store away from one with a long budget.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep);

# Slower than one budget, and much faster than the other.
my $store = fake_memcached(sub ($c, $key) { $c->pause(0.06)->value($key, "page $key\n") });
my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location /short/ {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 20ms;
    }
    location /long/ {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 5s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

is $nginx->get('/long/0')->cache, 'HIT', 'alone: a hit';
for my $turn (1 .. 12) {
    my $short = $nginx->client->send(RustPageCache::Client::get("/short/$turn"));
    is $nginx->get("/long/$turn")->body, "page /long/$turn\n", "$turn: the long budget has its page";
    my $late = $short->response;
    is $late->cache, 'ERROR timeout', "$turn: the short one has not";
    is $late->body, "fallback\n", "$turn: but the fallback";
}
is scalar(() = $nginx->log_lines('is down')), 0, 'the server is never called down';

$nginx->finish;

done_testing;
