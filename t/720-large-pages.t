# Large pages, up to the limit, and clients that read slowly.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Digest::MD5 qw(md5_hex);

# Bytes without a period that a buffer's size could hide.
sub page ($length) {
    my $page = '';
    for (my $i = 0; length $page < $length; $i++) {
        $page .= md5_hex("$length/$i");
    }
    return substr $page, 0, $length;
}

my $nginx = nginx(server => <<"CONF");
    send_timeout 30s;
    location /redis/ {
        rust_page_cache @{[redis->uri]} key=raw;
        rust_page_cache_timeout 10s;
    }
    location /memcached/ {
        rust_page_cache @{[memcached->uri]} key=raw;
        rust_page_cache_timeout 10s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

my %store = (redis => redis, memcached => memcached);

# Around the sizes at which buffers end.
my @lengths = (
    1, 2, 4095, 4096, 4097, 16_384, 65_535, 65_536, 65_537, 131_072, 131_073, 1_000_000,
    1_048_576, 5_000_000, 8_388_608,
);
for my $length (@lengths) {
    my $page = page($length);
    for my $where ('redis', 'memcached') {
        $store{$where}->set("/$where/$length", $page);
        my $response = $nginx->get("/$where/$length");
        is $response->cache, 'HIT', "$where $length: a hit";
        is md5_hex($response->body), md5_hex($page), "$where $length: whole";
    }
}

# A client that takes its time, while others are served.
my $slow = $nginx->client;
$slow->send(RustPageCache::Client::get('/redis/5000000'));
is md5_hex($nginx->get('/redis/65536')->body), md5_hex(page(65_536)), 'beside a client that does not read';
is md5_hex($nginx->get('/redis/5000000')->body), md5_hex(page(5_000_000)), 'even of the same page';
is md5_hex($slow->response->body), md5_hex(page(5_000_000)), 'who gets it whole in the end';

# Many large ones at once.
my @targets   = map { ("/redis/$_", "/memcached/$_") } (1_000_000, 65_537) x 3;
my @responses = $nginx->get_many(@targets);
for my $i (0 .. $#targets) {
    my ($length) = $targets[$i] =~ /(\d+)$/;
    is md5_hex($responses[$i]->body), md5_hex(page($length)), "at once, $i: $targets[$i]";
}

$nginx->finish;

done_testing;
