# Requests for one key that has not been asked for yet share one look-up.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
# While the store takes its time to let us in, no look-up can be written.
my $store = fake_redis(
    sub ($c, $key) { $c->bulk("page $key\n") },
    handshake => sub ($c, @words) { $c->pause(0.5)->send("+OK\r\n") },
);
my $nginx = nginx(server => <<"CONF");
    rust_page_cache_timeout 5s;
    rust_page_cache_connect_timeout 5s;
    rust_page_cache_connections 1;
    location / {
        rust_page_cache redis://:password\@@{[$store->address]} key=raw uri=\$uri;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

my @targets   = map { ("/a?$_", "/b?$_") } 1 .. 20;
my @responses = $nginx->get_many(@targets);
for my $i (0 .. $#targets) {
    my ($key) = split /\?/, $targets[$i];
    is $responses[$i]->body, "page $key\n", "$targets[$i]: its page";
    is $responses[$i]->cache, 'HIT', "$targets[$i]: a hit";
}
# Forty requests, two keys. Those that came before the first was written share.
cmp_ok scalar(() = $store->gets), '<=', 4, 'the store was asked for each key about once';

# A later request is not answered with what was read before it came.
my $before = () = $store->gets;
$nginx->get('/a');
is scalar(() = $store->gets), $before + 1, 'a later request asks anew';

$nginx->finish;

done_testing;
