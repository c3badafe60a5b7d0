# Stopping with look-ups under way opens no new connection to the store.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $store = fake_memcached(sub ($c, $key) { $c->stall });

for my $signal ('TERM', 'QUIT') {
    my $nginx = nginx(
        errors => ['rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 2s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my $none    = $store->connections;
    my @clients = map { $nginx->client->send(RustPageCache::Client::get("/$_")) } 1 .. 20;
    ok wait_until(sub { $store->connections > $none }), "$signal: the store has been asked";
    my $before = $store->connections;
    ok $nginx->quit($signal), "$signal: nginx ends";
    is $store->connections, $before, "$signal: no new connection";
    is join("\n", log_problems($nginx->log, 'rust_page_cache')), '', "$signal: the error log is clean";
}

done_testing;
