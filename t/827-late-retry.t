# A look-up that is tried once more with too little time left does not take the server down.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
# The first connection ends without a reply when most of the budget is spent; to
# be let in over another takes longer than what is left.
my $store = fake_redis(
    sub ($c, $key) {
        $c->pause(0.4)->close if $c->{fake}->connections == 1;
        $c->bulk("stored\n");
    },
    handshake => sub ($c, @words) { $c->pause(0.25)->send("+OK\r\n") },
);
my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    rust_page_cache_timeout 800ms;
    rust_page_cache_connect_timeout 2s;
    rust_page_cache_connections 1;
    location / {
        rust_page_cache redis://:password\@@{[$store->address]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
my $first = $nginx->get('/page');
like $first->cache, qr/^ERROR (?:timeout|closed)$/, 'the first request fails';
is $first->body, "fallback\n", 'and has the fallback';
is $nginx->get('/page')->cache, 'HIT', 'the next is served: the server was not to blame';

$nginx->finish;

done_testing;
