# What $rust_page_cache_key shows cannot end a header, in whatever a client puts into the key.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

my $nginx = nginx(
    bare => 1,
    http => <<'HTTP',
    log_format key '$request_uri [$rust_page_cache_key]';
    access_log access.log key;
HTTP
    server => <<"CONF",
    add_header X-Cache "\$rust_page_cache_status:\$rust_page_cache_reason" always;
    add_header X-Cache-Key \$rust_page_cache_key always;
    location / {
        rust_page_cache @{[redis->uri]} key=raw uri=\$uri;
    }
    location /memcached/ {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$uri;
    }
    location /path/ {
        rust_page_cache @{[redis->uri]} key=raw;
        add_header X-Cache "\$rust_page_cache_status:\$rust_page_cache_reason" always;
        add_header X-Path \$rust_page_cache_full_path always;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

# target => [key, what the variable shows]
my %table = (
    '/plain'                                       => ['/plain', '/plain'],
    '/a%20b'                                       => ['/a b', '/a b'],
    '/x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>' =>
        ["/x\r\nSet-Cookie: a=b\r\n\r\n<script>", '/x%0D%0ASet-Cookie: a=b%0D%0A%0D%0A<script>'],
    '/tab%09%01%7f'   => ["/tab\t\x01\x7f", '/tab%09%01%7F'],
    '/caf%C3%A9'      => ["/caf\xc3\xa9",   '/caf%C3%A9'],
    '/percent%250d'   => ['/percent%0d',    '/percent%0d'],
    '/blank%20'       => ['/blank ',        '/blank%20'],
);
for my $target (sort keys %table) {
    my ($key, $shown) = @{$table{$target}};
    for my $outcome ('MISS:absent', 'HIT:') {
        redis->set($key, "page\n") if $outcome eq 'HIT:';
        my $response = $nginx->get($target);
        is $response->header('X-Cache'), $outcome, "$target: $outcome";
        is $response->header('X-Cache-Key'), $shown, "$target: $outcome, the key";
        is $response->header('Set-Cookie'), undef, "$target: $outcome, no header of the client's";
        is $response->body, $outcome eq 'HIT:' ? "page\n" : "fallback\n", "$target: $outcome, the body";
    }
}
memcached->set("/memcached/caf\xc3\xa9", "page\n");
my $utf8 = $nginx->get('/memcached/caf%C3%A9');
is $utf8->header('X-Cache-Key'), '/memcached/caf%C3%A9', 'bytes of UTF-8 in memcached: shown';
is $utf8->header('X-Cache'), 'HIT:', 'and sent as they are';

# The path is quoted as Django quotes it, and no more than that.
redis->set('/path/%C3%A9%0D%0A%25', "page\n");
my $path = $nginx->get('/path/%c3%a9%0d%0a%25');
is $path->header('X-Cache'), 'HIT:', 'the default key';
is $path->header('X-Path'), '/path/%C3%A9%0D%0A%25', 'and the path, with no escapes but Django\'s';

my ($line) = wait_until(sub { grep { /Set-Cookie/ } split /\n/, $nginx->read_file('access.log') });
ok $line, 'the log has a line';
ok !(grep { /^Set-Cookie/ } split /\n/, $nginx->read_file('access.log')), 'and no line of the client';

$nginx->finish;

done_testing;
