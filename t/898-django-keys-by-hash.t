# key=django over several servers: each key goes where the hash of it says, in one request.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);
use Compress::Zlib qw(crc32);

my @stores = map { RustPageCache::Memcached->start(dir => scratch) } 1 .. 3;
my $servers = join ' ', map { "server @{[$_->address]};" } @stores;
my $nginx   = nginx(
    http   => "upstream stores { hash \$rust_page_cache_key; $servers }",
    server => <<'CONF');
    add_header X-Cache $rust_page_cache_status;
    add_header X-Cache-Reason $rust_page_cache_reason;
    add_header X-Key $rust_page_cache_key;
    add_header X-Store $rust_page_cache_store;
    location / {
        rust_page_cache memcached://stores django=5.2.18;
    }
    location @django {
        return 200 "fallback\n";
    }
CONF

# ngx_http_upstream_hash_module.c
sub place ($key) { return $stores[(crc32($key) >> 16 & 0x7fff) % @stores] }

my %places;
for my $i (1 .. 30) {
    my $path   = "/$i";
    my $uri    = "http://localhost$path";
    my @vary   = $i % 2 ? () : ('Accept');
    my $digest = vary_digest('raw', @vary ? 'text/x' : ());
    my ($list, $page) = (header_key(uri => $uri), page_key(uri => $uri, digest => $digest));
    place($list)->set($list, pickled_list(map { "HTTP_\U$_" } @vary), 1);
    place($page)->set($page, pickled_page(status => 200, body => "page $i\n"), 1);

    my $response = $nginx->get($path, Accept => 'text/x');
    is $response->cache, 'HIT', "$path: found";
    is $response->body, "page $i\n", "$path: the page";
    is $response->header('X-Key'), $page, "$path: its key";
    is $response->header('X-Store'), place($page)->address, "$path: its server";
    $places{place($list) == place($page) ? 'same' : 'other'}++;
}
is_deeply [sort keys %places], ['other', 'same'], 'on one server, and on two';
$nginx->finish;

done_testing;
