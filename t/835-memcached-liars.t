# A memcached that answers nonsense: `protocol`, the fallback, and never a wrong page.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

my $page = "poison\n";

# name => reply to a look-up of $key, and what may be made of it
my %lie = (
    'HTTP'                => sub ($key) { "HTTP/1.1 400 Bad Request\r\n\r\n" },
    'an empty line'       => sub ($key) { "\r\n" },
    'only LF'             => sub ($key) { "VALUE $key 0 7\n$page\nEND\n" },
    'a line without end'  => sub ($key) { 'V' x 100_000 },
    'NUL bytes'           => sub ($key) { "\0" x 100 },
    'another key'         => sub ($key) { "VALUE /other 0 7\r\n$page\r\nEND\r\n" },
    'a longer key'        => sub ($key) { "VALUE ${key}x 0 7\r\n$page\r\nEND\r\n" },
    'a shorter key'       => sub ($key) { 'VALUE ' . substr($key, 0, -1) . " 0 7\r\n$page\r\nEND\r\n" },
    'no length'           => sub ($key) { "VALUE $key 0\r\n$page\r\nEND\r\n" },
    'no flags'            => sub ($key) { "VALUE $key  7\r\n$page\r\nEND\r\n" },
    'flags of text'       => sub ($key) { "VALUE $key x 7\r\n$page\r\nEND\r\n" },
    'flags over 32 bits'  => sub ($key) { "VALUE $key 4294967296 7\r\n$page\r\nEND\r\n" },
    'a negative length'   => sub ($key) { "VALUE $key 0 -7\r\n$page\r\nEND\r\n" },
    'a length of text'    => sub ($key) { "VALUE $key 0 7x\r\n$page\r\nEND\r\n" },
    'a length over 64 bits' =>
        sub ($key) { "VALUE $key 0 18446744073709551623\r\n$page\r\nEND\r\n" },
    'too short a length'  => sub ($key) { "VALUE $key 0 5\r\n$page\r\nEND\r\n" },
    'too long a length'   => sub ($key) { "VALUE $key 0 9\r\n$page\r\nEND\r\nEND\r\n" },
    'no END'              => sub ($key) { "VALUE $key 0 7\r\n$page\r\nFIN\r\n" },
    'END with a tail'     => sub ($key) { "VALUE $key 0 7\r\n$page\r\nENDED\r\n" },
    'two values'          => sub ($key) { "VALUE $key 0 7\r\n$page\r\n" x 2 . "END\r\n" },
    'lower case'          => sub ($key) { "value $key 0 7\r\n$page\r\nend\r\n" },
    'STORED'              => sub ($key) { "STORED\r\n" },
    'ERROR'               => sub ($key) { "ERROR\r\n" },
    'CLIENT_ERROR'        => sub ($key) { "CLIENT_ERROR bad command line format\r\n" },
    'SERVER_ERROR'        => sub ($key) { "SERVER_ERROR out of memory writing get response\r\n" },
    'a Redis'             => sub ($key) { "-ERR unknown command 'get'\r\n" },
    'random bytes'        => sub ($key) { join '', map { chr int rand 256 } 1 .. 3_000 },
);

for my $name (sort keys %lie) {
    my $store = fake_memcached(sub ($c, $key) { $c->send($lie{$name}->($key)) });
    my $nginx = nginx(
        errors => [$store->address, 'rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 600ms;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my $begin = time;
    my $first = $nginx->get('/page');
    # A line that never ends may as well be taken for one that is late.
    my $reason = $name =~ /without end|random|only LF|NUL/ ? qr/protocol|timeout/ : qr/protocol/;
    like $first->cache, qr/^ERROR (?:$reason)$/, "$name: an error";
    is $first->body, "fallback\n", "$name: the fallback answers";
    cmp_ok time - $begin, '<', 5, "$name: in time";
    my @after = map { $nginx->get('/page') } 1 .. 4;
    is scalar(grep { $_->body eq "fallback\n" && $_->cache =~ /^ERROR (?:$reason|down)$/ } @after), 4,
        "$name: and so on";
    cmp_ok scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), '<=', 2, "$name: no line per request";
    $nginx->finish($name);
    $store->stop;
}

done_testing;
