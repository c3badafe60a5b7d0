# Two round trips for a first hit, one for the next: the list is remembered.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

my $uri     = 'http://localhost/page';
my $digest  = vary_digest('netstring-absent', 'a=1');
my ($header, $page) = (header_key(uri => $uri), page_key(uri => $uri, digest => $digest));
my %entry   = ($header => pickled_list('HTTP_COOKIE'), $page => pickled_page(body => "stored\n"));

# A store that notes which look-ups had come before it answered.
my $store = fake_server(
    sub ($c) {
        while (defined(my $line = $c->line)) {
            my @lines = ($line);
            $c->pause(0.05);
            push @lines, $c->line while $c->{buffer} =~ /\r\n/ || $c->more;
            my $answer = '';
            for my $key (map { /^get (\S+)/ } @lines) {
                $c->note('get ' . ($key eq $header ? 'list' : $key eq $page ? 'page' : 'other'));
                $answer .= "VALUE $key 1 " . length($entry{$key}) . "\r\n$entry{$key}\r\n"
                    if defined $entry{$key};
                $answer .= "END\r\n";
            }
            $c->note('answer');
            $c->send($answer);
        }
    },
    scheme => 'memcached',
);
my $nginx = nginx(server => <<"CONF");
    rust_page_cache_timeout 5s;
    rust_page_cache_connections 1;
    location / {
        rust_page_cache @{[$store->uri]} django=6.1.3;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF

is $nginx->get('/page', Cookie => 'a=1')->body, "stored\n", 'the first: a hit';
is_deeply [$store->commands], ['get list', 'answer', 'get page', 'answer'], 'the first: two round trips';
for my $turn (2 .. 4) {
    my $before = () = $store->commands;
    is $nginx->get('/page', Cookie => 'a=1')->body, "stored\n", "number $turn: a hit";
    my @new = ($store->commands)[$before .. $before + 2];
    is_deeply [sort grep { defined } @new], ['answer', 'get list', 'get page'],
        "number $turn: one round trip";
}

# No list, no second round trip.
my $before = () = $store->commands;
is $nginx->get('/none')->cache, 'MISS absent', 'a miss';
is_deeply [($store->commands)[$before .. $before + 1]], ['get other', 'answer'], 'a miss: one round trip';
is scalar(() = $store->commands), $before + 2, 'and nothing more';

$nginx->finish;

done_testing;
