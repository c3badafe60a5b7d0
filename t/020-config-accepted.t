# nginx -t accepts every form that the reference describes, in every context.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
# Each stands in a location, beside @django and @fallback.
my @directives = (
    # The store.
    'rust_page_cache memcached://127.0.0.1 key=raw',
    'rust_page_cache memcached://127.0.0.1:11212 key=raw',
    'rust_page_cache memcached://localhost key=raw',
    'rust_page_cache memcached://[::1] key=raw',
    'rust_page_cache memcached://[::1]:11212 key=raw',
    'rust_page_cache memcached://unix:/run/memcached.sock key=raw',
    'rust_page_cache memcached://pages key=raw',
    'rust_page_cache redis://127.0.0.1 key=raw',
    'rust_page_cache valkey://user:sec%40ret@127.0.0.1:6380/15 key=raw',
    'rust_page_cache redis://127.0.0.1:6380/15 key=raw',
    'rust_page_cache redis://:secret@127.0.0.1 key=raw',
    'rust_page_cache redis://user:sec%40ret@[::1]:6380/1 key=raw',
    'rust_page_cache redis://unix:/run/redis.sock key=raw',
    'rust_page_cache redis://unix:/run/redis.sock:/2 key=raw',
    'rust_page_cache redis://user:secret@unix:/run/redis.sock:/2 key=raw',
    'rust_page_cache redis://pages/1 key=raw',
    'rust_page_cache redis://:a$b@pages key=raw',

    # The parameters, in any order.
    'rust_page_cache memcached://pages key=raw prefix=a uri=b namespace=c format=body fallback=next',
    'rust_page_cache memcached://pages fallback=@fallback format=body namespace=$host uri=$uri '
        . 'prefix=$scheme key=md5',
    'rust_page_cache memcached://pages prefix= uri= namespace= key=prefix',
    'rust_page_cache memcached://pages key=md5 "prefix=a b" "uri=$uri$is_args$args"',
    'rust_page_cache memcached://pages key=raw prefix=a=b',
    'rust_page_cache off',
    'rust_page_cache memcached://pages django=5.2.19 lang=de timezone=Europe/Berlin',
    'rust_page_cache memcached://pages django=4.2',
    'rust_page_cache memcached://pages django=netstring-absent',

    # The old recipes, word for word.
    'rust_page_cache memcached://127.0.0.1:11211 key=prefix prefix=/your-site-name namespace=:1:',
    'rust_page_cache memcached://127.0.0.1:11211 key=md5 namespace=:1:site1',
    'rust_page_cache memcached://127.0.0.1:11211 key=md5 prefix=site1 namespace=:1:',
    'rust_page_cache redis://127.0.0.1:6379/1 key=md5 uri=$http_host$rust_page_cache_full_path '
        . 'namespace=:1: fallback=@fallback',

    # The companions.
    'rust_page_cache_bypass $cookie_sessionid $arg_nocache',
    'rust_page_cache_ignore /admin.* "/a/\d{2}"',
    'rust_page_cache_connect_timeout 50ms',
    'rust_page_cache_timeout 1s',
    'rust_page_cache_timeout 1h',
    'rust_page_cache_max_size 512k',
    'rust_page_cache_connections 4',
    'rust_page_cache_gzip_flag 2',
    'rust_page_cache_hide_header X-Powered-By',
    'rust_page_cache_hide_header X-A; rust_page_cache_hide_header x-a',
    'rust_page_cache_public_only on',
    'rust_page_cache_gzip_flag magic',
    'rust_page_cache_etag off',
    'rust_page_cache_set_header X-Country $host; rust_page_cache_set_header Accept-Encoding ""',
    'rust_page_cache_set_header Host $http_host; rust_page_cache_set_header Connection ""',
);

my $upstream = 'upstream pages { server 127.0.0.1:11211; server 127.0.0.1:11212 backup; }';
my $named    = 'location @django { return 200; } location @fallback { return 200; }';

for my $directive (@directives) {
    accepted("$directive, in a location",
        http => $upstream, server => "location / { $directive; } $named");
}

# Every directive in every context.
my @each = grep { /^rust_page_cache (?:off|memcached:\/\/pages prefix=)|^rust_page_cache_/ } @directives;
for my $directive (@each) {
    accepted("$directive, in http", http => "$upstream $directive;", server => $named);
    accepted("$directive, in a server", http => $upstream, server => "$directive; $named");
    accepted("$directive, in an if",
        http => $upstream, server => "location / { if (\$arg_a) { $directive; } } $named");
    accepted("$directive, in a nested location",
        http => $upstream, server => "location / { location /a { $directive; } } $named");
    accepted("$directive, in a named location",
        http => $upstream,
        server => "location / { try_files /none \@x; } location \@x { $directive; } $named");
}

# For all of http.
accepted("rust_page_cache_max_memory $_, in http", http => "rust_page_cache_max_memory $_;")
    for qw(1m 4096m);

# Where no @django is needed.
my $cache = 'rust_page_cache memcached://127.0.0.1 key=raw';
accepted('a location with a handler', server => "location / { $cache; proxy_pass http://127.0.0.1:1; }");
accepted('a handler behind the directive, in an if',
    server => "location / { proxy_pass http://127.0.0.1:1; if (\$arg_a) { $cache; } }");
accepted('fallback=next', server => "location / { $cache fallback=next; }");
accepted('a fallback that comes later',
    server => "location / { $cache fallback=\@later; } location \@later { return 200; }");
accepted('in http, where other servers have no @django', http => "$cache;");
accepted('two that fall back to each other',
    server => "location \@a { $cache fallback=\@b; } location \@b { $cache fallback=\@a; }");
accepted('an upstream that is also proxied to',
    http   => $upstream,
    server => 'location / { rust_page_cache memcached://pages key=raw; proxy_pass http://pages; }');

# A server of an upstream without a port would be asked on port 80.
my ($status, $output) = nginx_test(
    http   => 'upstream bare { server 127.0.0.1; }',
    server => 'location / { rust_page_cache memcached://bare key=raw fallback=next; }',
);
is $status, 0, 'an upstream server without a port is accepted';
like $output, qr/\[warn\].*(?:bare|127\.0\.0\.1).*(?:port|80)/, 'and warned about';

# Pages that no connection may hold would never be served.
for my $row (['32m', '128m', 1], ['16m', '128m', 0], ['8m', '63m', 1], ['8m', '64m', 0]) {
    my ($size, $memory, $warned) = @$row;
    my $store = 'rust_page_cache memcached://127.0.0.1 key=raw fallback=next;';
    ($status, $output) = nginx_test(
        http   => "rust_page_cache_max_memory $memory;",
        server => "location / { $store rust_page_cache_max_size $size; } location /a { $store }",
    );
    is $status, 0, "pages of $size and $memory are accepted";
    my $warning = qr/\[warn\].*rust_page_cache_max_size.*rust_page_cache_max_memory.*nginx\.conf:\d+/;
    is scalar(() = $output =~ /$warning/g), $warned, 'and warned about' . ($warned ? '' : ' not');
}

sub accepted ($name, %options) {
    my ($status, $output) = nginx_test(%options);
    is $status, 0, $name or diag $output;
    unlike $output, qr/\[(?:warn|error|alert|crit|emerg)\]/, "$name: without a warning";
    return;
}

done_testing;
