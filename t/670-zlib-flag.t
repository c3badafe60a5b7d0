# Values that memcached clients have compressed: flag 8.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Compress::Zlib qw(compress);
use RustPageCache::Django qw(pickled_bytes pickled_str);

my $page = "stored page\n" x 1000;
my $whole = compress($page);
memcached->set('zlib',      $whole, 8);
memcached->set('text',      $whole, 8 | 16);
memcached->set('high-bits', $whole, 8 | 64);
memcached->set('pickled',   compress(pickled_bytes($page)), 8 | 1);
memcached->set('str',       compress(pickled_str($page)), 8 | 1);
memcached->set('empty',     compress(''), 8);
memcached->set('unflagged', $whole, 0);
memcached->set('truncated', substr($whole, 0, length($whole) - 6), 8);
memcached->set('checksum',  substr($whole, 0, length($whole) - 1) . "\x00", 8);
memcached->set('trailing',  $whole . 'x', 8);
memcached->set('not-zlib',  $page, 8);
memcached->set('nothing',   '', 8);
memcached->set('bomb',      compress("\0" x 3_000_000), 8);

my $nginx = nginx(
    errors => [qr/rust_page_cache/],
    server => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
        rust_page_cache_max_size 1m;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

for my $key ('zlib', 'text', 'pickled', 'str') {
    my $response = $nginx->get("/?key=$key");
    is $response->cache, 'HIT', "$key: a hit";
    is $response->body, $page, "$key: inflated";
    is $response->header('Content-Length'), length $page, "$key: length";
    is $response->header('Content-Encoding'), undef, "$key: no coding is left";
}
is $nginx->get('/?key=unflagged')->body, $whole, 'without the flag the bytes are the body';

my %outcome = (
    empty     => 'MISS absent',
    'high-bits' => 'MISS flags',
    truncated => 'ERROR undecodable',
    checksum  => 'ERROR undecodable',
    trailing  => 'ERROR undecodable',
    'not-zlib' => 'ERROR undecodable',
    bomb      => 'ERROR too-large',
);
for my $key (sort keys %outcome) {
    my $response = $nginx->get("/?key=$key");
    is $response->cache, $outcome{$key}, "$key: $outcome{$key}";
    is $response->body, "fallback\n", "$key: the fallback answers";
}
like $nginx->get('/?key=nothing')->cache, qr/^(?:MISS absent|ERROR undecodable)$/, 'nothing at all';

# A value that cannot be read says nothing about the server that holds it.
is $nginx->get('/?key=zlib')->cache, 'HIT', 'after all these the store is asked as before';

$nginx->finish;

done_testing;
